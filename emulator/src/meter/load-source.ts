import { MeterError } from '../errors.js';
import { FLOW_W_MAX } from '../limits.js';

/** Energy that flowed in a time; whole numbers, 0 or more. */
export interface Flow {
  readonly importWs: number;
  readonly exportWs: number;
  readonly reactiveImportVarS?: number;
  readonly reactiveExportVarS?: number;
}

/** Pure, and additive: what flows from a to c is what flows from a to b and from b to c. Times in whole seconds since 1970. */
export type LoadSource = (fromS: number, toS: number) => Flow;

/** The same power at all times. @throws MeterError `bad-value` for a power that is none, or above a megawatt */
export function constantLoad(importW: number, exportW = 0): LoadSource {
  for (const watts of [importW, exportW]) {
    if (!(watts >= 0 && watts <= FLOW_W_MAX))
      throw new MeterError('bad-value', `a power is 0 to ${FLOW_W_MAX} W, not ${watts}`);
  }
  // The difference of two roundings, so that fractions of a watt-second are neither lost nor counted twice.
  const energy = (watts: number, fromS: number, toS: number): number =>
    Math.floor(watts * toS) - Math.floor(watts * fromS);
  return (fromS, toS) => ({ importWs: energy(importW, fromS, toS), exportWs: energy(exportW, fromS, toS) });
}
