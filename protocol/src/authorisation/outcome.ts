/** What a meter signs (SPEC.md §7.2): that it holds an image, what came of an activation, which version runs. */
import { CONTEXTS, sign, verify, type CryptoTask } from '../crypto-port.js';
import { bad, good, LocalProtocolError, type Checked } from '../errors.js';
import { layout, octets, reserved, u32, u64, u8 } from '../layout/layout.js';
import { concat, equalOctets, isZero, toHex } from '../layout/octets.js';
import { DEVICE_ID_BYTES, HASH_BYTES, NONCE_BYTES, ORIGINATOR_COUNTER_MAX, OUTCOME_BYTES } from '../limits.js';
import type { Refusal } from '../refusal.js';

export type OutcomeKind = 'seal' | 'activation' | 'version';
/** `notAuthentic`: the GBCS signature does not hold (only of a seal). `activationFailure`: the meter reverted (only of an activation). */
export type OutcomeCode = 'success' | 'noImageHeld' | 'hashMismatch' | 'activationFailure' | 'notAuthentic';

export interface OutcomeFields {
  readonly kind: OutcomeKind;
  /** Of a version: `success`. */
  readonly code: OutcomeCode;
  readonly deviceId: Uint8Array;
  /** Seal: the hash calculated, zeros without image. Activation: the hash that the authorisation named. Version: equal to `runningHash`. */
  readonly imageHash: Uint8Array;
  /** Seal, activation: of the image spoken of. Version: zeros. */
  readonly manifestDigest: Uint8Array;
  /** Manufacturer Image Hash of the firmware that runs. */
  readonly runningHash: Uint8Array;
  readonly runningVersion: number;
  /** The meter's floor. */
  readonly securityCounter: number;
  /** Activation: of the authorisation answered. Else 0. */
  readonly originatorCounter: bigint;
  readonly bootEpoch: number;
  /** 8 octets, from the request answered. */
  readonly nonce: Uint8Array;
}

export interface Outcome extends OutcomeFields {
  /** The exact 208 octets. */
  readonly octets: Uint8Array;
}

export type OutcomeFault = Extract<Refusal, 'malformed' | 'unsupportedVersion' | 'badSignature'>;

/**
 * The 144 octets that are signed.
 *
 * @throws {@link LocalProtocolError} when a field is out of its bounds, or says what its kind cannot say.
 */
export function encodeOutcomeBody(fields: OutcomeFields): Uint8Array {
  const reason = contradiction(fields);
  if (reason !== undefined) throw new LocalProtocolError(reason);
  return BODY.encode({
    ...fields,
    magic: MAGIC,
    major: MAJOR,
    minor: MINOR,
    kind: KIND_OCTETS[fields.kind],
    code: CODE_OCTETS[fields.code],
  });
}

/** Signs as the device: 208 octets. Throws as {@link encodeOutcomeBody} does. */
export function* signOutcome(fields: OutcomeFields): CryptoTask<Uint8Array> {
  const body = encodeOutcomeBody(fields);
  return concat(body, yield* sign('device', concat(CONTEXTS.outcome, body)));
}

/** Reads the structure of 208 octets, and copies them. Faults: `malformed`, `unsupportedVersion`. */
export function decodeOutcome(source: Uint8Array): Checked<Outcome, OutcomeFault> {
  if (source.length !== OUTCOME_BYTES)
    return bad('malformed', `an outcome has ${OUTCOME_BYTES} octets, not ${source.length}`);
  const { magic, major, minor, kind: kindOctet, code: codeOctet, ...rest } = BODY.decode(source);
  if (!equalOctets(magic, MAGIC)) return bad('malformed', `not an outcome: begins with ${toHex(magic)}`);
  if (major !== MAJOR)
    return bad('unsupportedVersion', `outcome of major version ${major}, this release reads ${MAJOR}`);
  if (minor !== MINOR) return bad('malformed', `the minor version of an outcome is ${MINOR}, not ${minor}`);
  const kind = KINDS.get(kindOctet);
  if (kind === undefined) return bad('malformed', `outcome of unknown kind ${kindOctet}`);
  const code = CODES.get(codeOctet);
  if (code === undefined) return bad('malformed', `outcome with unknown code ${codeOctet}`);
  if (!BODY.reservedIsZero(source)) return bad('malformed', 'the reserved field of the outcome is not zero');
  const fields = { ...rest, kind, code };
  const reason = contradiction(fields);
  return reason === undefined ? good({ ...fields, octets: source.slice() }) : bad('malformed', reason);
}

/** Reads and checks the device's signature. Whether it is the right device, and the nonce asked with, is for the one who asked. */
export function* verifyOutcome(source: Uint8Array, deviceKey: Uint8Array): CryptoTask<Checked<Outcome, OutcomeFault>> {
  const decoded = decodeOutcome(source);
  if (!decoded.ok) return decoded;
  const { octets: exact } = decoded.value;
  const message = concat(CONTEXTS.outcome, exact.subarray(0, BODY.bytes));
  if (yield* verify(deviceKey, message, exact.subarray(BODY.bytes))) return decoded;
  return bad('badSignature', "the outcome's signature does not hold with the key of this device");
}

const MAGIC = Uint8Array.of(0x53, 0x31, 0x4f, 0x43);
const MAJOR = 1;
const MINOR = 0;

const BODY = layout({
  magic: octets(4),
  major: u8,
  minor: u8,
  kind: u8,
  code: u8,
  deviceId: octets(DEVICE_ID_BYTES),
  imageHash: octets(HASH_BYTES),
  manifestDigest: octets(HASH_BYTES),
  runningHash: octets(HASH_BYTES),
  runningVersion: u32,
  securityCounter: u32,
  originatorCounter: u64,
  bootEpoch: u32,
  nonce: octets(NONCE_BYTES),
  reservedEnd: reserved(4),
});

const KIND_OCTETS: Readonly<Record<OutcomeKind, number>> = { seal: 1, activation: 2, version: 3 };
const CODE_OCTETS: Readonly<Record<OutcomeCode, number>> = {
  success: 0,
  noImageHeld: 1,
  hashMismatch: 2,
  activationFailure: 3,
  notAuthentic: 4,
};
const KINDS = namesByOctet(KIND_OCTETS);
const CODES = namesByOctet(CODE_OCTETS);

const CODES_OF_KIND: Readonly<Record<OutcomeKind, readonly OutcomeCode[]>> = {
  seal: ['success', 'noImageHeld', 'hashMismatch', 'notAuthentic'],
  activation: ['success', 'noImageHeld', 'hashMismatch', 'activationFailure'],
  version: ['success'],
};

function contradiction(fields: OutcomeFields): string | undefined {
  const { kind, code, originatorCounter } = fields;
  if (!CODES_OF_KIND[kind].includes(code)) return `an outcome of kind ${kind} never has the code ${code}`;
  if (kind === 'activation') {
    if (originatorCounter >= 1n && originatorCounter <= ORIGINATOR_COUNTER_MAX) return undefined;
    return `originatorCounter is ${originatorCounter}, must be 1 to ${ORIGINATOR_COUNTER_MAX} in an outcome of kind ${kind}`;
  }
  if (originatorCounter !== 0n)
    return `originatorCounter is ${originatorCounter}, must be 0 in an outcome of kind ${kind}`;
  if (kind === 'seal') return undefined;
  if (!isZero(fields.manifestDigest)) return 'an outcome of kind version names a manifest';
  if (!equalOctets(fields.imageHash, fields.runningHash))
    return 'an outcome of kind version names an image that does not run';
  return undefined;
}

function namesByOctet<Name extends string>(octetsOf: Readonly<Record<Name, number>>): ReadonlyMap<number, Name> {
  return new Map(Object.entries<number>(octetsOf).map(([name, octet]) => [octet, name as Name]));
}
