/** Who signs in a fleet, and who its meters are: all of it follows from the seed. */
import { seededKey, type PrivateKey } from '@smets1/host';

export interface FleetKeys {
  /** Signs the firmware that the meters leave the factory with, and a release that comes as bare firmware. */
  readonly manufacturer: PrivateKey;
  /** Permits activations, and signs the images of the factory. */
  readonly supplier: PrivateKey;
  /** Countersigns. */
  readonly dco: PrivateKey;
  /** A manufacturer that no meter of the fleet trusts. */
  readonly stranger: PrivateKey;
}

/** @param seed - 16 hex digits. */
export function fleetKeys(seed: string): FleetKeys {
  const key = (who: string): PrivateKey => seededKey(`smets1 fleet ${seed} ${who}`);
  return { manufacturer: key('manufacturer'), supplier: key('supplier'), dco: key('dco'), stranger: key('stranger') };
}

/** Each meter signs with a key of its own. @param seed - Of the fleet, as text. @param index - From 0. */
export function deviceKeyOf(seed: string, index: number): PrivateKey {
  return seededKey(`smets1 fleet ${seed} device ${index}`);
}

/** EUI-64 of a meter that does not exist. @param index - From 0. */
export function deviceIdOf(index: number): Uint8Array {
  const eui64 = Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0, 0, 0, 0);
  new DataView(eui64.buffer).setUint32(4, index + 1);
  return eui64;
}
