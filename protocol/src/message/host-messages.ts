/** What a host says (SPEC.md §9, types below 40). */
import { layout, octets, reserved, u16, u32, u8 } from '../layout/layout.js';
import { concat } from '../layout/octets.js';
import { AUTHORISATION_BYTES, HASH_BYTES, NONCE_BYTES, OTA_HEADER_BYTES, SIGNATURE_BYTES } from '../limits.js';

export interface HostHello {
  readonly kind: 'hello';
  readonly minor: number;
  readonly frameBytesMax: number;
  readonly nonce: Uint8Array;
}
/** The offer blob: manifest ‖ OTA header ‖ GBCS signature, and whether another held image may be dropped for it. */
export interface Offer {
  readonly kind: 'offer';
  readonly replace: boolean;
  readonly offerNonce: number;
  readonly manifest: Uint8Array;
  readonly otaHeader: Uint8Array;
  readonly gbcsSignature: Uint8Array;
}
export interface Data {
  readonly kind: 'data';
  readonly block: number;
  readonly offsetBytes: number;
  readonly octets: Uint8Array;
}
export interface GetMap {
  readonly kind: 'get-map';
  readonly firstBlock: number;
}
export interface Seal {
  readonly kind: 'seal';
  readonly manifestDigest: Uint8Array;
  readonly nonce: Uint8Array;
}
export interface Activate {
  readonly kind: 'activate';
  readonly authorisation: Uint8Array;
  readonly nonce: Uint8Array;
}
export interface ReadVersion {
  readonly kind: 'read-version';
  readonly nonce: Uint8Array;
}
export interface GetState {
  readonly kind: 'get-state';
}
export interface Abort {
  readonly kind: 'abort';
  readonly reason: number;
}
export interface Ping {
  readonly kind: 'ping';
}

export type HostMessage = HostHello | Offer | Data | GetMap | Seal | Activate | ReadVersion | GetState | Abort | Ping;

export const HOST_TYPES = {
  hello: 0x01,
  offer: 0x02,
  data: 0x03,
  'get-map': 0x04,
  seal: 0x05,
  activate: 0x06,
  'read-version': 0x07,
  'get-state': 0x08,
  abort: 0x09,
  ping: 0x0a,
} as const;

const HELLO = layout({
  role: u8,
  minor: u8,
  frameBytesMax: u16,
  nonce: octets(NONCE_BYTES),
  features: u32,
  reserved1: reserved(2),
});
const OFFER = layout({ flags: u8, reserved1: reserved(1), manifestBytes: u16, offerNonce: u32 });
const GET_MAP = layout({ firstBlock: u16 });
const SEAL = layout({ manifestDigest: octets(HASH_BYTES), nonce: octets(NONCE_BYTES) });
const ACTIVATE = layout({ authorisation: octets(AUTHORISATION_BYTES), nonce: octets(NONCE_BYTES) });
const READ_VERSION = layout({ nonce: octets(NONCE_BYTES) });
const ABORT = layout({ reason: u8 });
const EMPTY = new Uint8Array(0);
const ROLE_HOST = 0;
const REPLACE = 1;

export function encodeHostPayload(message: HostMessage): Uint8Array {
  switch (message.kind) {
    case 'hello':
      return HELLO.encode({ ...message, role: ROLE_HOST, features: 0 });
    case 'offer': {
      const { manifest, otaHeader, gbcsSignature, offerNonce, replace } = message;
      const head = OFFER.encode({ flags: replace ? REPLACE : 0, manifestBytes: manifest.length, offerNonce });
      return concat(head, manifest, otaHeader, gbcsSignature);
    }
    case 'data':
      return message.octets;
    case 'get-map':
      return GET_MAP.encode(message);
    case 'seal':
      return SEAL.encode(message);
    case 'activate':
      return ACTIVATE.encode(message);
    case 'read-version':
      return READ_VERSION.encode(message);
    case 'abort':
      return ABORT.encode(message);
    case 'get-state':
    case 'ping':
      return EMPTY;
  }
}

/** Undefined when the payload is too short for its fields. DATA is decoded by the frame itself. */
export function decodeHostPayload(type: number, payload: Uint8Array): HostMessage | 'unknown' | undefined {
  switch (type) {
    case HOST_TYPES.hello:
      return fits(HELLO.bytes, payload)
        ? { kind: 'hello', ...pick(HELLO.decode(payload), ['minor', 'frameBytesMax', 'nonce']) }
        : undefined;
    case HOST_TYPES.offer:
      return decodeOffer(payload);
    case HOST_TYPES['get-map']:
      return fits(GET_MAP.bytes, payload) ? { kind: 'get-map', ...GET_MAP.decode(payload) } : undefined;
    case HOST_TYPES.seal:
      return fits(SEAL.bytes, payload) ? { kind: 'seal', ...SEAL.decode(payload) } : undefined;
    case HOST_TYPES.activate:
      return fits(ACTIVATE.bytes, payload) ? { kind: 'activate', ...ACTIVATE.decode(payload) } : undefined;
    case HOST_TYPES['read-version']:
      return fits(READ_VERSION.bytes, payload) ? { kind: 'read-version', ...READ_VERSION.decode(payload) } : undefined;
    case HOST_TYPES['get-state']:
      return { kind: 'get-state' };
    case HOST_TYPES.abort:
      return fits(ABORT.bytes, payload) ? { kind: 'abort', ...ABORT.decode(payload) } : undefined;
    case HOST_TYPES.ping:
      return { kind: 'ping' };
    default:
      return 'unknown';
  }
}

function decodeOffer(payload: Uint8Array): Offer | undefined {
  if (!fits(OFFER.bytes, payload)) return undefined;
  const { flags, manifestBytes, offerNonce } = OFFER.decode(payload);
  const headerAt = OFFER.bytes + manifestBytes;
  const signatureAt = headerAt + OTA_HEADER_BYTES;
  if (!fits(signatureAt + SIGNATURE_BYTES, payload)) return undefined;
  return {
    kind: 'offer',
    replace: (flags & REPLACE) !== 0,
    offerNonce,
    manifest: payload.slice(OFFER.bytes, headerAt),
    otaHeader: payload.slice(headerAt, signatureAt),
    gbcsSignature: payload.slice(signatureAt, signatureAt + SIGNATURE_BYTES),
  };
}

function fits(bytes: number, payload: Uint8Array): boolean {
  return payload.length >= bytes;
}

function pick<T extends object, K extends keyof T>(value: T, names: readonly K[]): Pick<T, K> {
  const picked: Partial<Pick<T, K>> = {};
  for (const name of names) picked[name] = value[name];
  return picked as Pick<T, K>;
}
