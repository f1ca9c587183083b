/** Permission for one meter to activate one image (SPEC.md §7.1): signed by the supplier, then countersigned by the DCO. */
import { CONTEXTS, sign, verify, type CryptoTask, type TrustAnchors } from '../crypto-port.js';
import { bad, good, LocalProtocolError, type Checked } from '../errors.js';
import { layout, octets, reserved, u32, u64, u8 } from '../layout/layout.js';
import { concat, equalOctets, toHex } from '../layout/octets.js';
import {
  AUTHORISATION_BYTES,
  AUTHORISATION_UNCOUNTERSIGNED_BYTES,
  DEVICE_ID_BYTES,
  HASH_BYTES,
  ORIGINATOR_COUNTER_MAX,
} from '../limits.js';
import type { Refusal } from '../refusal.js';

export interface AuthorisationFields {
  /** The one meter, 8 octets. */
  readonly deviceId: Uint8Array;
  /** Manufacturer Image Hash, 32 octets. */
  readonly imageHash: Uint8Array;
  readonly manifestDigest: Uint8Array;
  /** EUI-64 of the supplier. */
  readonly originator: Uint8Array;
  /** 1 to 2^63 − 1; higher than in any authorisation before. */
  readonly originatorCounter: bigint;
  /** Seconds since 1970-01-01T00:00:00Z; 0: no bound. */
  readonly notBeforeS: number;
  /** Likewise; `NO_END_S`: no bound. Not below `notBeforeS`. */
  readonly notAfterS: number;
}

export interface Authorisation extends AuthorisationFields {
  /** Whether there is a countersignature; whether it holds is for {@link verifyAuthorisation} to say. */
  readonly countersigned: boolean;
  /** The exact octets: 168, or 232 with the countersignature. */
  readonly octets: Uint8Array;
}

/**
 * Signs as the supplier: 168 octets.
 *
 * @throws {@link LocalProtocolError} when a field is out of its bounds, before anything is signed.
 */
export function* signAuthorisation(fields: AuthorisationFields): CryptoTask<Uint8Array> {
  const reason = boundsBroken(fields);
  if (reason !== undefined) throw new LocalProtocolError(reason);
  const body = BODY.encode({ ...fields, magic: MAGIC, major: MAJOR, minor: MINOR });
  return concat(body, yield* sign('supplier', concat(CONTEXTS.authorisation, body)));
}

/**
 * Countersigns as the DCO: 232 octets. Whoever countersigns has verified the supplier's signature, and knows why this may be.
 *
 * @throws {@link LocalProtocolError} when `uncountersigned` is not an authorisation of 168 octets.
 */
export function* countersign(uncountersigned: Uint8Array): CryptoTask<Uint8Array> {
  const decoded = decodeAuthorisation(uncountersigned);
  if (!decoded.ok) throw new LocalProtocolError(`cannot countersign: ${decoded.fault.detail}`);
  if (decoded.value.countersigned) throw new LocalProtocolError('cannot countersign: it is countersigned already');
  return concat(uncountersigned, yield* sign('dco', concat(CONTEXTS.countersignature, uncountersigned)));
}

/** Reads the structure of 168 or 232 octets, and copies them. Faults: `authorisationMalformed`, `unsupportedVersion`. */
export function decodeAuthorisation(source: Uint8Array): Checked<Authorisation, Refusal> {
  if (source.length !== AUTHORISATION_BYTES && source.length !== AUTHORISATION_UNCOUNTERSIGNED_BYTES) {
    return malformed(
      `an authorisation has ${AUTHORISATION_UNCOUNTERSIGNED_BYTES} octets, or ${AUTHORISATION_BYTES} with its countersignature, not ${source.length}`,
    );
  }
  const { magic, major, minor, ...fields } = BODY.decode(source);
  if (!equalOctets(magic, MAGIC)) return malformed(`not an authorisation: begins with ${toHex(magic)}`);
  if (major !== MAJOR)
    return bad('unsupportedVersion', `authorisation of major version ${major}, this release reads ${MAJOR}`);
  if (minor !== MINOR) return malformed(`the minor version of an authorisation is ${MINOR}, not ${minor}`);
  if (!BODY.reservedIsZero(source)) return malformed('the reserved field of the authorisation is not zero');
  const reason = boundsBroken(fields);
  if (reason !== undefined) return malformed(reason);
  return good({ ...fields, countersigned: source.length === AUTHORISATION_BYTES, octets: source.slice() });
}

/** Checks structure and the supplier's signature, countersigned or not. Adds `supplierSignatureBad` to the faults. */
export function* verifySupplierSignature(
  source: Uint8Array,
  supplierKeys: readonly Uint8Array[],
): CryptoTask<Checked<Authorisation, Refusal>> {
  const decoded = decodeAuthorisation(source);
  if (!decoded.ok) return decoded;
  const { octets: exact } = decoded.value;
  const message = concat(CONTEXTS.authorisation, exact.subarray(0, BODY.bytes));
  const signature = exact.subarray(BODY.bytes, AUTHORISATION_UNCOUNTERSIGNED_BYTES);
  if (yield* anyHolds(supplierKeys, message, signature)) return decoded;
  return bad(
    'supplierSignatureBad',
    "the supplier's signature of the authorisation holds with no trusted supplier key",
  );
}

/**
 * Checks structure, supplier's signature and countersignature, in this order. Device, times and counter are the meter's to check.
 *
 * Faults: `authorisationMalformed` (also when the countersignature is not there), `unsupportedVersion`, `supplierSignatureBad`,
 * `countersignatureBad`.
 */
export function* verifyAuthorisation(
  source: Uint8Array,
  trust: Pick<TrustAnchors, 'supplier' | 'dco'>,
): CryptoTask<Checked<Authorisation, Refusal>> {
  if (source.length === AUTHORISATION_UNCOUNTERSIGNED_BYTES)
    return malformed('the authorisation is not countersigned yet');
  const supplied = yield* verifySupplierSignature(source, trust.supplier);
  if (!supplied.ok) return supplied;
  const { octets: exact } = supplied.value;
  const message = concat(CONTEXTS.countersignature, exact.subarray(0, AUTHORISATION_UNCOUNTERSIGNED_BYTES));
  const signature = exact.subarray(AUTHORISATION_UNCOUNTERSIGNED_BYTES);
  if (yield* anyHolds(trust.dco, message, signature)) return supplied;
  return bad('countersignatureBad', 'the countersignature of the authorisation holds with no trusted DCO key');
}

const MAGIC = Uint8Array.of(0x53, 0x31, 0x41, 0x55);
const MAJOR = 1;
const MINOR = 0;

const BODY = layout({
  magic: octets(4),
  major: u8,
  minor: u8,
  reservedPair: reserved(2),
  deviceId: octets(DEVICE_ID_BYTES),
  imageHash: octets(HASH_BYTES),
  manifestDigest: octets(HASH_BYTES),
  originator: octets(DEVICE_ID_BYTES),
  originatorCounter: u64,
  notBeforeS: u32,
  notAfterS: u32,
});

function* anyHolds(keys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array): CryptoTask<boolean> {
  for (const key of keys) if (yield* verify(key, message, signature)) return true;
  return false;
}

function boundsBroken(fields: AuthorisationFields): string | undefined {
  const { originatorCounter, notBeforeS, notAfterS } = fields;
  if (originatorCounter < 1n || originatorCounter > ORIGINATOR_COUNTER_MAX) {
    return `originatorCounter is ${originatorCounter}, must be 1 to ${ORIGINATOR_COUNTER_MAX}`;
  }
  return notAfterS < notBeforeS ? `the authorisation ends (${notAfterS}) before it begins (${notBeforeS})` : undefined;
}

function malformed(detail: string): Checked<never, Refusal> {
  return bad('authorisationMalformed', detail);
}
