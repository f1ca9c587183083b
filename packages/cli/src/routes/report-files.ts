/** What a report of a campaign can be written to: the options of the commands that have one. */
import type { TypedFlagParameter } from '@stricli/core';
import { force } from '../flags/common.js';
import { text } from '../flags/values.js';
import type { CliContext } from '../shell.js';

type Output = TypedFlagParameter<string | undefined, CliContext>;

const output = (brief: string, placeholder: string): Output => ({
  kind: 'parsed',
  parse: text,
  optional: true,
  brief,
  placeholder,
});

export const reportFiles: {
  readonly journal: Output;
  readonly figures: Output;
  readonly page: Output;
  readonly csv: Output;
  readonly force: TypedFlagParameter<boolean, CliContext>;
} = {
  journal: output('Write every record, a line of JSON each', 'FILE'),
  figures: output('Write all figures as JSON', 'FILE'),
  page: output('Write the report as a page for a browser', 'FILE.html'),
  csv: output('Write the tables of the report into this folder', 'DIR'),
  force,
};
