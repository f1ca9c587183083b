/** What a meter says (SPEC.md §9, types 40 and above), SACK apart. */
import { layout, octets, reserved, u16, u32, u64, u8 } from '../layout/layout.js';
import { concat } from '../layout/octets.js';
import {
  ALERT_PAYLOAD_BYTES_MAX,
  DEVICE_ID_BYTES,
  HASH_BYTES,
  MAP_BLOCKS_MAX,
  NONCE_BYTES,
  OUTCOME_BYTES,
} from '../limits.js';
import { decodeSack, encodeSack, type Sack } from './sack.js';

export interface MeterHello {
  readonly kind: 'meter-hello';
  readonly minor: number;
  readonly frameBytesMax: number;
  readonly nonce: Uint8Array;
  readonly deviceId: Uint8Array;
  readonly bootEpoch: number;
  readonly deviceClass: number;
  readonly manufacturerCode: number;
  readonly imageType: number;
  readonly hardwareVersion: number;
  readonly runningVersion: number;
  readonly securityCounter: number;
  readonly phase: Phase;
  readonly blockShiftMax: number;
  readonly slotBytes: number;
  readonly blockCountMax: number;
  readonly windowBlocks: number;
  readonly originatorCounter: bigint;
}
export type AcceptStatus = 'send' | 'running' | 'sealed';
export interface Accept {
  readonly kind: 'accept';
  readonly status: AcceptStatus;
  readonly blockShift: number;
  readonly durableCount: number;
  readonly offerNonce: number;
  readonly creditBlocks: number;
  readonly frameBytesMax: number;
  readonly manifestDigest: Uint8Array;
}
export interface Refuse {
  readonly kind: 'refuse';
  /** SPEC.md §13; a number, since a later minor version may add codes. */
  readonly code: number;
  readonly requestType: number;
  readonly detail: number;
}
export type NackCause = 'spoilt' | 'signature' | 'outside';
export interface Nack {
  readonly kind: 'nack';
  readonly cause: NackCause;
  readonly block: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}
export interface BlockMapReply {
  readonly kind: 'map';
  readonly firstBlock: number;
  readonly count: number;
  readonly bitmap: Uint8Array;
}
export type BusyCause = 'erasing' | 'checking' | 'activating' | 'trial' | 'writing';
export interface Busy {
  readonly kind: 'busy';
  readonly cause: BusyCause;
  readonly etaMs: number;
}
export interface Sealed {
  readonly kind: 'sealed';
  readonly outcome: Uint8Array;
}
export interface OutcomeMessage {
  readonly kind: 'outcome';
  readonly outcome: Uint8Array;
}
export type Phase = 'empty' | 'receiving' | 'complete' | 'sealed' | 'activating' | 'trial' | 'recovery';
export interface StateReport {
  readonly kind: 'state';
  readonly phase: Phase;
  readonly durableCount: number;
  readonly blockCount: number;
  readonly manifestDigest: Uint8Array;
  readonly bootEpoch: number;
  readonly runningVersion: number;
}
export interface Alert {
  readonly kind: 'alert';
  readonly alertCode: number;
  readonly timestampS: number;
  readonly payload: Uint8Array;
}

export type MeterMessage =
  MeterHello | Accept | Refuse | Sack | Nack | BlockMapReply | Busy | Sealed | OutcomeMessage | StateReport | Alert;

export const METER_TYPES = {
  'meter-hello': 0x41,
  accept: 0x42,
  refuse: 0x43,
  sack: 0x44,
  nack: 0x45,
  map: 0x46,
  busy: 0x47,
  sealed: 0x48,
  outcome: 0x49,
  state: 0x4a,
  alert: 0x4b,
} as const;

const HELLO = layout({
  role: u8,
  minor: u8,
  frameBytesMax: u16,
  nonce: octets(NONCE_BYTES),
  features: u32,
  deviceId: octets(DEVICE_ID_BYTES),
  bootEpoch: u32,
  deviceClass: u16,
  manufacturerCode: u16,
  imageType: u16,
  hardwareVersion: u16,
  runningVersion: u32,
  securityCounter: u32,
  phase: u8,
  blockShiftMax: u8,
  slotBytes: u32,
  blockCountMax: u32,
  windowBlocks: u16,
  originatorCounter: u64,
  reserved1: reserved(2),
});
const ACCEPT = layout({
  status: u8,
  blockShift: u8,
  durableCount: u16,
  offerNonce: u32,
  creditBlocks: u32,
  frameBytesMax: u16,
  reserved1: reserved(2),
  manifestDigest: octets(HASH_BYTES),
});
const REFUSE = layout({ code: u16, requestType: u8, reserved1: reserved(1), detail: u32 });
const NACK = layout({ cause: u8, reserved1: reserved(1), block: u16, offsetBytes: u32, lengthBytes: u32 });
const MAP = layout({ firstBlock: u16, count: u16 });
const BUSY = layout({ cause: u8, reserved1: reserved(1), reserved2: reserved(2), etaMs: u32 });
const OUTCOME = layout({ outcome: octets(OUTCOME_BYTES) });
const STATE = layout({
  phase: u8,
  reserved1: reserved(1),
  durableCount: u16,
  blockCount: u16,
  reserved2: reserved(2),
  manifestDigest: octets(HASH_BYTES),
  bootEpoch: u32,
  runningVersion: u32,
});
const ALERT = layout({ alertCode: u16, payloadBytes: u16, timestampS: u32 });
const ROLE_METER = 1;

const PHASES: readonly Phase[] = ['empty', 'receiving', 'complete', 'sealed', 'activating', 'trial', 'recovery'];
const STATUSES: readonly AcceptStatus[] = ['send', 'running', 'sealed'];
const NACK_CAUSES: readonly (NackCause | undefined)[] = [undefined, 'spoilt', 'signature', 'outside'];
const BUSY_CAUSES: readonly (BusyCause | undefined)[] = [
  undefined,
  'erasing',
  'checking',
  'activating',
  'trial',
  'writing',
];

export function encodeMeterPayload(message: MeterMessage): Uint8Array {
  switch (message.kind) {
    case 'meter-hello':
      return HELLO.encode({ ...message, role: ROLE_METER, features: 0, phase: PHASES.indexOf(message.phase) });
    case 'accept':
      return ACCEPT.encode({ ...message, status: STATUSES.indexOf(message.status) });
    case 'refuse':
      return REFUSE.encode(message);
    case 'sack':
      return encodeSack(message);
    case 'nack':
      return NACK.encode({ ...message, cause: NACK_CAUSES.indexOf(message.cause) });
    case 'map':
      return concat(MAP.encode(message), message.bitmap);
    case 'busy':
      return BUSY.encode({ ...message, cause: BUSY_CAUSES.indexOf(message.cause) });
    case 'sealed':
    case 'outcome':
      return OUTCOME.encode(message);
    case 'state':
      return STATE.encode({ ...message, phase: PHASES.indexOf(message.phase) });
    case 'alert':
      return concat(ALERT.encode({ ...message, payloadBytes: message.payload.length }), message.payload);
  }
}

/** Undefined when the payload is too short, or a field that the host branches on has a value it cannot know. */
export function decodeMeterPayload(type: number, payload: Uint8Array): MeterMessage | 'unknown' | undefined {
  switch (type) {
    case METER_TYPES['meter-hello']: {
      if (payload.length < HELLO.bytes) return undefined;
      const { role, features: _features, ...rest } = HELLO.decode(payload);
      const phase = PHASES[rest.phase];
      return role === ROLE_METER && phase !== undefined ? { kind: 'meter-hello', ...rest, phase } : undefined;
    }
    case METER_TYPES.accept: {
      if (payload.length < ACCEPT.bytes) return undefined;
      const rest = ACCEPT.decode(payload);
      const status = STATUSES[rest.status];
      return status === undefined ? undefined : { kind: 'accept', ...rest, status };
    }
    case METER_TYPES.refuse:
      return payload.length < REFUSE.bytes ? undefined : { kind: 'refuse', ...REFUSE.decode(payload) };
    case METER_TYPES.sack:
      return decodeSack(payload);
    case METER_TYPES.nack: {
      if (payload.length < NACK.bytes) return undefined;
      const rest = NACK.decode(payload);
      const cause = NACK_CAUSES[rest.cause];
      return cause === undefined ? undefined : { kind: 'nack', ...rest, cause };
    }
    case METER_TYPES.map: {
      if (payload.length < MAP.bytes) return undefined;
      const { firstBlock, count } = MAP.decode(payload);
      const end = MAP.bytes + Math.ceil(count / 8);
      if (count > MAP_BLOCKS_MAX || payload.length < end) return undefined;
      return { kind: 'map', firstBlock, count, bitmap: payload.slice(MAP.bytes, end) };
    }
    case METER_TYPES.busy: {
      if (payload.length < BUSY.bytes) return undefined;
      const { cause: code, etaMs } = BUSY.decode(payload);
      return { kind: 'busy', cause: BUSY_CAUSES[code] ?? 'writing', etaMs };
    }
    case METER_TYPES.sealed:
      return payload.length < OUTCOME.bytes ? undefined : { kind: 'sealed', ...OUTCOME.decode(payload) };
    case METER_TYPES.outcome:
      return payload.length < OUTCOME.bytes ? undefined : { kind: 'outcome', ...OUTCOME.decode(payload) };
    case METER_TYPES.state: {
      if (payload.length < STATE.bytes) return undefined;
      const rest = STATE.decode(payload);
      const phase = PHASES[rest.phase];
      return phase === undefined ? undefined : { kind: 'state', ...rest, phase };
    }
    case METER_TYPES.alert: {
      if (payload.length < ALERT.bytes) return undefined;
      const { alertCode, payloadBytes, timestampS } = ALERT.decode(payload);
      if (payloadBytes > ALERT_PAYLOAD_BYTES_MAX || payload.length < ALERT.bytes + payloadBytes) return undefined;
      return { kind: 'alert', alertCode, timestampS, payload: payload.slice(ALERT.bytes, ALERT.bytes + payloadBytes) };
    }
    default:
      return 'unknown';
  }
}
