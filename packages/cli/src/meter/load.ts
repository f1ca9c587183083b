/** What the home of a virtual meter draws. */
import { constantLoad, csvLoad, householdLoad, MeterError, type LoadSource } from '@smets1/emulator';
import { CliError } from '../errors.js';
import { readInput } from '../files/input-file.js';
import { LOAD_FILE_BYTES_MAX } from '../limits.js';

/** `household`: a curve that the seed draws; a number: as many watts, always. */
export type LoadWish = { readonly kind: 'household' } | { readonly kind: 'constant'; readonly watts: number };

export function loadOf(wish: LoadWish, seed: number): LoadSource {
  return wish.kind === 'household' ? householdLoad(seed) : constantLoad(wish.watts);
}

/**
 * The load in a CSV file, over and over: `time,import_wh`, then a line for each time.
 *
 * @throws {@link CliError} `usage` with the line that is wrong, and as `readInput` does
 */
export function readLoad(path: string): LoadSource {
  const text = new TextDecoder().decode(readInput(path, 'the load', LOAD_FILE_BYTES_MAX));
  try {
    return csvLoad(text, { repeats: true });
  } catch (error) {
    if (!(error instanceof MeterError)) throw error;
    throw new CliError('usage', `the load ${path}: ${error.message}`, { cause: error });
  }
}
