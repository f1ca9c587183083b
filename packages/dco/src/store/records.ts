/**
 * What the journal holds: the newest state of each thing, written anew whenever it changes, and removals. So replaying is setting, and
 * rewriting the journal is writing what is alive.
 *
 *   0         1            5               5+n
 *   | version | n (u32 LE) | JSON of n oct. | octets (parts, device lists) |
 *
 * Version 2 has the records of the ledger, which a release that does not know them must refuse rather than pass over.
 */
import type { FailureReason } from '@smets1/protocol';
import { DcoError } from '../error.js';
import type { LedgerChange } from '../ledger/ledger-change.js';
import { RECORD_HEAD_BYTES_MAX } from '../limits.js';

/** An image of which at least one part came. Names are the manifest digest in hex. */
export interface ImageRecord {
  readonly imageId: string;
  readonly atMs: number;
  readonly status: 'receiving' | 'held';
  /** Last time that a request named it. */
  readonly usedAtMs: number;
  /** base64: manifest, OTA header; in both cases checked. */
  readonly manifest: string;
  readonly otaHeader: string;
  /** base64. One that holds, once the image is `held`; those that the parts brought, before. */
  readonly gbcsSignatures: readonly string[];
}

/** Blocks of an image, as the part that brought them: the octets of the record are the whole part. */
export interface RunRecord {
  readonly imageId: string;
  readonly firstBlock: number;
  readonly blockRun: number;
}

/** One image for one list of devices: what has to be complete. The octets of the record are the device ids, 8 each, ascending. */
export interface SetRecord {
  readonly setId: string;
  readonly imageId: string;
  readonly atMs: number;
  readonly status: 'receiving' | 'complete';
  readonly deviceCount: number;
}

interface RequestCommon {
  readonly requestId: string;
  /** SHA-256 over what was asked, in hex: a repeat is told from a second use of the same id. */
  readonly digest: string;
  readonly atMs: number;
}

export interface PartRequest extends RequestCommon {
  readonly srv: '11.1';
  readonly imageId: string;
  /** Absent once its set is gone, so that it never counts for a later set of the same name. */
  readonly setId?: string;
  readonly firstBlock: number;
  readonly blockRun: number;
}

export function withoutSet(request: PartRequest): PartRequest {
  const { setId: _, ...rest } = request;
  return rest;
}

export interface ReadRequest extends RequestCommon {
  readonly srv: '11.2';
  readonly deviceId: string;
}

export type ReleaseStage = 'requested' | 'forwarding' | 'sealed' | 'activating' | 'done';

export interface ReleaseRequest extends RequestCommon {
  readonly srv: '11.3';
  readonly deviceId: string;
  readonly imageId: string;
  /** Manufacturer Image Hash in hex. */
  readonly firmwareHash: string;
  /** Absent: at once. */
  readonly executionAtMs?: number;
  /** base64 of 168 octets. */
  readonly authorisation: string;
  /** base64 of 232 octets, from control. */
  readonly countersigned?: string;
  readonly stage: ReleaseStage;
  /** When it went to `forwarding`: the 5 days of MP230 run from here. Absent before, and in journals older than the ledger. */
  readonly startedAtMs?: number;
}

/** An 11.3 that calls off another one. */
export interface CancelRequest extends RequestCommon {
  readonly srv: '11.3-cancel';
  readonly deviceId: string;
  readonly cancelled: string;
  /** What control has yet to record as spent: base64 of 168 octets; absent once it has. */
  readonly toRevoke?: string;
}

export type RequestRecord = PartRequest | ReadRequest | ReleaseRequest | CancelRequest;

/** What was heard from a meter last. */
export interface MeterRecord {
  readonly deviceId: string;
  readonly atMs: number;
  readonly runningVersion: number;
  /** Hex. */
  readonly runningHash: string;
  readonly securityCounter: number;
  readonly hardwareVersion?: number;
  /** Whether the meter's key is known and its signature holds. */
  readonly attested: boolean;
}

/** The highest originator counter admitted for a meter, with the authorisation that it came with. */
export interface CounterRecord {
  readonly deviceId: string;
  /** Decimal: 63 bits. */
  readonly originatorCounter: string;
  /** SHA-256 of the authorisation's signed octets, in hex. */
  readonly body: string;
  /** It was called off: not even the same authorisation is taken again. */
  readonly isRevoked?: true;
}

/** What goes back to the Supplier: pulled until acknowledged. */
export interface EntryRecord {
  /** 1, 2, 3, … in the order in which they came to be. */
  readonly number: number;
  readonly kind: 'response' | 'alert';
  readonly requestId: string;
  readonly srv: '11.1' | '11.2' | '11.3';
  readonly atMs: number;
  /** `success`, `accepted` (future-dated), or why not. */
  readonly code: EntryCode;
  readonly message: string;
  /** Alerts: as in `8F67`. */
  readonly alertCode?: string;
  readonly image?: ImageResult;
  readonly device?: DeviceResult;
}

/** What an 11.1 that succeeded was about. */
export interface ImageResult {
  readonly firmwareHash: string;
  readonly fileVersion: number;
  readonly deviceCount: number;
  /** Of them, those that the inventory did not have when this was answered; absent when it had all. */
  readonly unknown?: {
    readonly deviceCount: number;
    /** The first few, ascending. */
    readonly deviceIds: readonly string[];
  };
}

/** What a meter said of itself. */
export interface DeviceResult {
  readonly deviceId: string;
  /** Of an activation, by its name there. */
  readonly activateImageResponseCode?: 'success' | 'noImageHeld' | 'hashMismatch' | 'activationFailure';
  /** Eight hex digits: the file version now running. */
  readonly firmwareVersion?: string;
  readonly runningHash?: string;
  /** base64 of the 208 octets that the meter signed. */
  readonly outcome?: string;
  readonly attested?: boolean;
  /** The meter's refusal: code and detail by number. */
  readonly refusal?: { readonly code: number; readonly detail: number };
}

/** {@link FailureReason}: what the sender says of a run that failed. */
export type EntryCode =
  | FailureReason
  | 'success'
  /** It runs, as far as anybody can tell: the meter's key is not known, so nobody can vouch for what it said. */
  | 'success-unattested'
  | 'accepted'
  | 'image-hash-mismatch'
  | 'gbcs-signature'
  | 'abandoned'
  | 'cancelled'
  | 'not-actioned'
  | 'image-gone'
  | 'image-corrupt'
  | 'device-unknown'
  /** The DCO itself is at fault; what the meter did may not be known. */
  | 'defect'
  | `control-${ControlRefusalCode}`;

/** Why the control would not countersign. */
export type ControlRefusalCode =
  | 'malformed'
  | 'signature'
  | 'role'
  | 'device'
  | 'hash'
  | 'not-held'
  | 'not-listed'
  | 'version'
  | 'hardware'
  | 'counter'
  | 'revoked'
  | 'rate'
  | 'unavailable';

export type Removal =
  | { readonly what: 'image'; readonly key: string }
  | { readonly what: 'set'; readonly key: string }
  | { readonly what: 'request'; readonly key: string }
  | { readonly what: 'entry'; readonly key: number };

export type Change =
  | { readonly kind: 'image'; readonly value: ImageRecord }
  | { readonly kind: 'run'; readonly value: RunRecord; readonly octets: Uint8Array }
  | { readonly kind: 'set'; readonly value: SetRecord; readonly octets: Uint8Array }
  | { readonly kind: 'set-complete'; readonly value: { readonly setId: string } }
  | { readonly kind: 'request'; readonly value: RequestRecord }
  | { readonly kind: 'entry'; readonly value: EntryRecord }
  | { readonly kind: 'acknowledged'; readonly value: { readonly upTo: number } }
  | { readonly kind: 'meter'; readonly value: MeterRecord }
  | { readonly kind: 'counter'; readonly value: CounterRecord }
  | { readonly kind: 'remove'; readonly value: Removal }
  | LedgerChange;

const VERSION = 1;
const LEDGER_VERSION = 2;
const LEDGER_KINDS: ReadonlySet<string> = new Set<LedgerChange['kind']>([
  'starts',
  'schedule',
  'capacity',
  'incident',
  'ledger-day',
  'ledger-remove',
]);
const AT = { version: 0, headBytes: 1, head: 5 } as const;
const NONE = new Uint8Array(0);

export function encodeChange(change: Change): Uint8Array {
  const head = new TextEncoder().encode(JSON.stringify({ kind: change.kind, value: change.value }));
  if (head.length > RECORD_HEAD_BYTES_MAX) throw new DcoError('misuse', `a record head of ${head.length} octets`);
  const tail = 'octets' in change ? change.octets : NONE;
  const record = new Uint8Array(AT.head + head.length + tail.length);
  record[AT.version] = LEDGER_KINDS.has(change.kind) ? LEDGER_VERSION : VERSION;
  new DataView(record.buffer).setUint32(AT.headBytes, head.length, true);
  record.set(head, AT.head);
  record.set(tail, AT.head + head.length);
  return record;
}

/** The journal has vouched for the octets; what does not read here was written by another release. @throws {@link DcoError} `storage-corrupt`. */
export function decodeChange(record: Uint8Array): Change {
  const version = record[AT.version];
  if ((version !== VERSION && version !== LEDGER_VERSION) || record.length < AT.head) {
    throw new DcoError(
      'storage-corrupt',
      `a record of version ${version}, this release reads ${VERSION} and ${LEDGER_VERSION}; use the release that wrote it`,
    );
  }
  const headBytes = new DataView(record.buffer, record.byteOffset).getUint32(AT.headBytes, true);
  try {
    const head = JSON.parse(new TextDecoder().decode(record.subarray(AT.head, AT.head + headBytes))) as Change;
    return head.kind === 'run' || head.kind === 'set'
      ? { ...head, octets: record.subarray(AT.head + headBytes) }
      : head;
  } catch (cause) {
    throw new DcoError('storage-corrupt', 'a record does not read; restore the directory from a copy', { cause });
  }
}
