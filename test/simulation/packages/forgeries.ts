/** Signatures in every form that is none, and fields with every value that a bound could miss: signed again by who may and by who may not. */
import { CONTEXTS, concat, SIGNATURE_BYTES } from '@smets1/protocol';
import { KEYS } from '../../corruption/bench-crypto.js';
import { HEAD_CRC_AT, MANIFEST_AT, MANIFEST_SIGNATURE_AT, PACKAGE, STRANGERS } from './bench-package.js';
import { boundsOf, FIELDS, putCrc, repairedAt, SIGNATURES, writeField, type Family, type Field } from './spoilers.js';

/** Order of the group of P-256. */
const ORDER = 0xffff_ffff_0000_0000_ffff_ffff_ffff_ffff_bce6_faad_a717_9e84_f3b9_cac2_fc63_2551n;
const HALF_BYTES: number = SIGNATURE_BYTES / 2;

const FORMS: Readonly<Record<string, (signature: Uint8Array, other: Uint8Array) => Uint8Array>> = {
  zeros: () => new Uint8Array(SIGNATURE_BYTES),
  ones: () => new Uint8Array(SIGNATURE_BYTES).fill(0xff),
  'of-another-message': (_, other) => other,
  'halves-swapped': (signature) => concat(signature.subarray(HALF_BYTES), signature.subarray(0, HALF_BYTES)),
  'twin-s': (signature) => withS(signature, ORDER - numberOf(signature.subarray(HALF_BYTES))),
  's-plus-order': (signature) => withS(signature, (numberOf(signature.subarray(HALF_BYTES)) + ORDER) % (1n << 256n)),
  'r-zero': (signature) => withR(signature, 0n),
  'r-order': (signature) => withR(signature, ORDER),
  'r-one': (signature) => withR(signature, 1n),
  's-zero': (signature) => withS(signature, 0n),
  's-one': (signature) => withS(signature, 1n),
  's-order': (signature) => withS(signature, ORDER),
  's-order-plus-one': (signature) => withS(signature, ORDER + 1n),
  'both-one': (signature) => withR(withS(signature, 1n), 1n),
  'as-der': (signature) => derOf(signature).slice(0, SIGNATURE_BYTES),
};
const FORM_NAMES: readonly string[] = Object.keys(FORMS);

/**
 * The one form that is taken, and where: the supplier's signature comes from elsewhere, so either s is right there (SPEC.md §2); the identity of
 * the image does not contain it.
 */
export function isTakenForm(name: string, signature: string): boolean {
  return name === 'twin-s' && signature === 'gbcs';
}

export interface FormCase {
  readonly form: string;
  readonly signature: string;
}

export function formCaseAt(index: number): FormCase {
  const form = FORM_NAMES[index % FORM_NAMES.length]!;
  return { form, signature: SIGNATURES[Math.floor(index / FORM_NAMES.length)]!.name };
}

export function forms(): Family {
  return {
    name: 'form',
    count: FORM_NAMES.length * SIGNATURES.length,
    make(index) {
      const octets = PACKAGE.slice();
      const { at } = SIGNATURES[Math.floor(index / FORM_NAMES.length)]!;
      const { at: otherAt } = SIGNATURES[(Math.floor(index / FORM_NAMES.length) + 2) % SIGNATURES.length]!;
      const other = PACKAGE.slice(otherAt, otherAt + SIGNATURE_BYTES);
      octets.set(FORMS[FORM_NAMES[index % FORM_NAMES.length]!]!(PACKAGE.slice(at, at + SIGNATURE_BYTES), other), at);
      return repairedAt(octets, at);
    },
  };
}

type SignedBy = 'nobody' | 'stranger' | 'manufacturer';
const SIGNED_BY: readonly SignedBy[] = ['nobody', 'stranger', 'manufacturer'];

interface FieldCase {
  readonly field: Field;
  readonly value: number;
}

const BOUNDS: readonly FieldCase[] = FIELDS.flatMap((field) => boundsOf(field).map((value) => ({ field, value })));
const OCTETS: readonly FieldCase[] = FIELDS.filter(({ bytes }) => bytes === 1).flatMap((field) =>
  Array.from({ length: 256 }, (_, value) => ({ field, value })).filter(({ value }) => value !== PACKAGE[field.at]),
);

/** Every number at its bounds; the manifest left as it was signed, signed again by a stranger, and by the one who may. */
export function bounds(): Family {
  return fieldFamily('bound', BOUNDS);
}

/** Every octet that could steer a check (versions, kind, profile, encoding, shift), in all its values. */
export function policies(): Family {
  return fieldFamily('policy', OCTETS);
}

/** Two numbers at once, at bounds drawn by the case number. */
export function boundPairs(count: number): Family {
  return {
    name: 'bound-pair',
    count,
    make(index) {
      const one = BOUNDS[(index * 7_919) % BOUNDS.length]!;
      const other = BOUNDS[(index * 104_729 + 13) % BOUNDS.length]!;
      if (one.field === other.field) return undefined;
      return signedBy(SIGNED_BY[index % SIGNED_BY.length]!, [one, other]);
    },
  };
}

function fieldFamily(name: string, cases: readonly FieldCase[]): Family {
  return {
    name,
    count: cases.length * SIGNED_BY.length,
    make: (index) => signedBy(SIGNED_BY[index % SIGNED_BY.length]!, [cases[Math.floor(index / SIGNED_BY.length)]!]),
  };
}

function signedBy(who: SignedBy, changes: readonly FieldCase[]): Uint8Array {
  const octets = PACKAGE.slice();
  for (const { field, value } of changes) writeField(octets, field, value);
  if (who !== 'nobody') {
    const key = (who === 'stranger' ? STRANGERS : KEYS).manufacturer;
    const message = concat(CONTEXTS.manifest, octets.subarray(MANIFEST_AT, MANIFEST_SIGNATURE_AT));
    octets.set(key.sign(message), MANIFEST_SIGNATURE_AT);
  }
  putCrc(octets, 0, HEAD_CRC_AT);
  return octets;
}

function numberOf(octets: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(octets).toString('hex')}`);
}

function withR(signature: Uint8Array, r: bigint): Uint8Array {
  return concat(octetsOf(r), signature.subarray(HALF_BYTES));
}

function withS(signature: Uint8Array, s: bigint): Uint8Array {
  return concat(signature.subarray(0, HALF_BYTES), octetsOf(s));
}

function octetsOf(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0').slice(-64), 'hex'));
}

function derOf(signature: Uint8Array): Uint8Array {
  const integer = (octets: Uint8Array): Uint8Array => concat(Uint8Array.of(0x02, octets.length), octets);
  const pair = concat(integer(signature.subarray(0, HALF_BYTES)), integer(signature.subarray(HALF_BYTES)));
  return concat(Uint8Array.of(0x30, pair.length), pair);
}
