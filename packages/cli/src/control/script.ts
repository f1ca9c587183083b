/** Fault scripts: JSON in a file. */
import { CliError } from '../errors.js';
import { messageOf, readInput } from '../files/input-file.js';
import { FAULTS_FILE_BYTES_MAX, SCRIPT_POWER_ON_MS_DEFAULT } from '../limits.js';
import type { AwaitedFault } from '../meter/bench-faults.js';
import { readFaultList } from './schemas.js';

/**
 * The faults of a script. A cut that says nothing of it gives the power back after {@link SCRIPT_POWER_ON_MS_DEFAULT}: nobody sits beside.
 *
 * @throws {@link CliError} `usage` with the field that is wrong, and as `readInput` does
 */
export function readFaultScript(path: string): readonly AwaitedFault[] {
  const text = new TextDecoder().decode(readInput(path, 'the fault script', FAULTS_FILE_BYTES_MAX));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new CliError('usage', `the fault script ${path} is no JSON: ${messageOf(error)}`, { cause: error });
  }
  let faults: readonly AwaitedFault[];
  try {
    faults = readFaultList(json);
  } catch (error) {
    throw error instanceof CliError ? new CliError('usage', `the fault script ${path}: ${error.message}`) : error;
  }
  return faults.map((one) => {
    const { fault } = one;
    if (fault.kind !== 'cut' || fault.powerOnAfterMs !== undefined) return one;
    return { ...one, fault: { ...fault, powerOnAfterMs: SCRIPT_POWER_ON_MS_DEFAULT } };
  });
}
