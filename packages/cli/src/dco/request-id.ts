/** RequestIDs as DUIS writes them: originator, target and counter. */
import { formatDeviceId } from '@smets1/protocol';

/** The DCC itself, to which an 11.1 goes; the meters are in its list. */
export const DCC_ID = '90-B3-D5-1F-30-00-00-02';

export function requestIdOf(originator: Uint8Array, target: string, counter: bigint): string {
  return `${formatDeviceId(originator)}:${target}:${counter}`;
}
