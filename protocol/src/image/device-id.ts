/** Device identities (EUI-64) as people and DUIS write them: `00-DB-12-34-56-78-90-A0`. */
import { LocalProtocolError } from '../errors.js';
import { fromHex, toHex } from '../layout/octets.js';
import { DEVICE_ID_BYTES } from '../limits.js';

/** @throws {@link LocalProtocolError} when `octets` are not 8. */
export function formatDeviceId(octets: Uint8Array): string {
  if (octets.length !== DEVICE_ID_BYTES)
    throw new LocalProtocolError(`a device id has ${DEVICE_ID_BYTES} octets, not ${octets.length}`);
  return toHex(octets).replaceAll(/(..)(?!$)/g, '$1-');
}

/** The 8 octets of eight pairs of hex digits joined by dashes, in either case; undefined for anything else. */
export function parseDeviceId(text: string): Uint8Array | undefined {
  return PATTERN.test(text) ? fromHex(text.replaceAll('-', '')) : undefined;
}

const PATTERN = /^(?:[0-9A-Fa-f]{2}-){7}[0-9A-Fa-f]{2}$/;
