/** RequestID and Device ID as DUIS writes them; letters in upper case from here on, for they are compared. */
import { formatDeviceId, parseDeviceId } from '@smets1/protocol';
import { REQUEST_COUNTER_MAX, REQUEST_ID_LENGTH_MAX } from './limits.js';

const EUI = '(?:[0-9A-Fa-f]{2}-){7}[0-9A-Fa-f]{2}';
const REQUEST_ID = new RegExp(`^(${EUI}):(${EUI}):(0|[1-9][0-9]{0,19})$`);

export interface RequestId {
  /** In upper case. */
  readonly text: string;
  readonly originator: string;
  readonly target: string;
  readonly counter: bigint;
}

/** `originator:target:counter`, or undefined for anything else. */
export function parseRequestId(text: string): RequestId | undefined {
  const match = text.length > REQUEST_ID_LENGTH_MAX ? null : REQUEST_ID.exec(text);
  if (match === null) return undefined;
  const [, originator = '', target = '', digits = ''] = match;
  const counter = BigInt(digits);
  return counter > REQUEST_COUNTER_MAX
    ? undefined
    : { text: text.toUpperCase(), originator: originator.toUpperCase(), target: target.toUpperCase(), counter };
}

/** The one way of writing a device id, or undefined when it is none. */
export function canonicalDeviceId(text: string): string | undefined {
  const octets = parseDeviceId(text);
  return octets === undefined ? undefined : formatDeviceId(octets);
}
