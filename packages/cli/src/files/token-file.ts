/** Tokens come in files: on a command line every user of the machine could read them. */
import { CliError } from '../errors.js';
import { TOKEN_FILE_BYTES_MAX } from '../limits.js';
import { readInput } from './input-file.js';

/** The one line of a token file. @throws {@link CliError} `usage` when it holds something else, and as `readInput` does. */
export function readToken(path: string): string {
  const token = new TextDecoder().decode(readInput(path, 'the token', TOKEN_FILE_BYTES_MAX)).trim();
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new CliError('usage', `${path} must hold one line with the token, and nothing else`);
  return token;
}
