/** Options that several commands have, in the words that they share. */
import type { TypedFlagParameter, TypedPositionalParameters } from '@stricli/core';
import type { CliContext } from '../shell.js';
import { text, trustedKeyFile, type TrustedKeyFile } from './values.js';

type Flag<T> = TypedFlagParameter<T, CliContext>;

export const json: Flag<boolean> = {
  kind: 'boolean',
  brief: 'One JSON object a line, the last with event "result"',
  default: false,
};

export const force: Flag<boolean> = { kind: 'boolean', brief: 'Replace the output if it is there', default: false };

export const out: Flag<string> = { kind: 'parsed', parse: text, brief: 'File to write', placeholder: 'FILE' };

export function privateKey(whose: string): Flag<string> {
  return { kind: 'parsed', parse: text, brief: `Private key of the ${whose}, mode 0600`, placeholder: 'PEM' };
}

const TRUST_BRIEF =
  'Public key to trust, once for each: manufacturer=PEM, supplier=PEM, dco=PEM; a bare PEM for all (bench)';

export const trust: Flag<readonly TrustedKeyFile[]> = {
  kind: 'parsed',
  parse: trustedKeyFile,
  variadic: true,
  brief: TRUST_BRIEF,
  placeholder: 'ROLE=PEM',
};

export const optionalTrust: Flag<readonly TrustedKeyFile[] | undefined> = {
  kind: 'parsed',
  parse: trustedKeyFile,
  variadic: true,
  optional: true,
  brief: TRUST_BRIEF,
  placeholder: 'ROLE=PEM',
};

/** One positional argument that names a file, or what `placeholder` says. */
export function onePath(brief: string, placeholder = 'FILE'): TypedPositionalParameters<[string], CliContext> {
  return { kind: 'tuple', parameters: [{ brief, placeholder, parse: text }] };
}

/** The end of a help text. */
export function examples(...lines: readonly string[]): string {
  return ['EXAMPLES', ...lines.map((line) => `  ${line}`)].join('\n');
}
