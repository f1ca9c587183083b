/** RequestIDs as DUIS writes them: originator, target and counter. */
import { formatDeviceId } from '@smets1/protocol';

/** The DCC itself, to which an 11.1 goes; the meters are in its list. */
export const DCC_ID = '90-B3-D5-1F-30-00-00-02';

/**
 * Above every originator counter, which have 63 bits: calling off is a request of its own, whose id is neither that of the activation
 * nor that of a later one.
 */
const CANCELLATION_COUNTER_BASE: bigint = 1n << 63n;

/** The counter of the request that calls off what this authorisation activates: the same each time. */
export function cancellationCounter(originatorCounter: bigint): bigint {
  return CANCELLATION_COUNTER_BASE + originatorCounter;
}

export function requestIdOf(originator: Uint8Array, target: string, counter: bigint): string {
  return `${formatDeviceId(originator)}:${target}:${counter}`;
}
