/** How a DCO is reached: the options of all commands that speak to one. */
import type { TypedFlagParameter } from '@stricli/core';
import { text } from '../flags/values.js';
import type { CliContext } from '../shell.js';

export const dcoAddress: TypedFlagParameter<string, CliContext> = {
  kind: 'parsed',
  parse: text,
  brief: 'Where the DCO is: http://HOST:PORT',
  placeholder: 'URL',
};

export const dcoTokenFile: TypedFlagParameter<string, CliContext> = {
  kind: 'parsed',
  parse: text,
  brief: 'File with the token of the DCO',
  placeholder: 'FILE',
};
