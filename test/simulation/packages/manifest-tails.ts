/**
 * TLVs at the end of a manifest that say a thing twice, out of order or by halves (SPEC.md §4), and some that are right. The manufacturer himself
 * signs each, manifest and blocks, so that the structure alone can refuse it.
 */
import {
  CONTEXTS,
  concat,
  CRC32_BYTES,
  MANIFEST_FIXED_BYTES,
  sha256,
  SIGNATURE_BYTES,
  signBlock,
} from '@smets1/protocol';
import { KEYS, run } from '../../corruption/bench-crypto.js';
import { HEAD_CRC_AT, MANIFEST_AT, MANIFEST_SIGNATURE_AT, PACKAGE, RECORDS } from './bench-package.js';
import { putCrc, type Family } from './spoilers.js';

const TOTAL_BYTES_AT = 8;
const MANIFEST_BYTES_AT = 20;
/** Of the manifest's own length, from its start. */
const OWN_BYTES_AT = 6;
const LABEL = 0x0001;
const UNCRITICAL_MAX = 0x7fff;

function tlv(type: number, ...value: readonly number[]): readonly number[] {
  return [type & 0xff, type >> 8, value.length & 0xff, value.length >> 8, ...value];
}

export interface Tail {
  readonly name: string;
  readonly octets: readonly number[];
  readonly isRight?: true;
}

const label = tlv(LABEL, 0x61);
const note = tlv(2, 1, 2, 3);

export const TAILS: readonly Tail[] = [
  { name: 'label-twice', octets: [...label, ...label] },
  { name: 'two-labels', octets: [...label, ...tlv(LABEL, 0x62)] },
  { name: 'label-again-after-another', octets: [...label, ...note, ...label] },
  { name: 'unknown-twice', octets: [...note, ...note] },
  { name: 'unknown-twice-with-other-octets', octets: [...note, ...tlv(2)] },
  { name: 'empty-unknown-twice', octets: [...tlv(9), ...tlv(9)] },
  { name: 'type-0-twice', octets: [...tlv(0), ...tlv(0)] },
  { name: 'highest-uncritical-twice', octets: [...tlv(UNCRITICAL_MAX), ...tlv(UNCRITICAL_MAX)] },
  { name: 'descending', octets: [...note, ...label] },
  { name: 'half-a-head', octets: [...label, 2, 0] },
  { name: 'value-into-the-signature', octets: [...label, 2, 0, 64, 0] },
  { name: 'one-label', octets: label, isRight: true },
  { name: 'ascending', octets: [...tlv(0), ...label, ...note, ...tlv(UNCRITICAL_MAX)], isRight: true },
];

export function manifestTails(): Family {
  return { name: 'tlv', count: TAILS.length, make: (index) => packageWith(TAILS[index]!.octets) };
}

/** Fixed part, tail and a signature that holds. */
export function withTail(
  fixed: Uint8Array,
  tail: readonly number[],
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  const unsigned = concat(fixed.subarray(0, MANIFEST_FIXED_BYTES), Uint8Array.from(tail));
  new DataView(unsigned.buffer).setUint16(OWN_BYTES_AT, unsigned.length + SIGNATURE_BYTES, true);
  return concat(unsigned, sign(concat(CONTEXTS.manifest, unsigned)));
}

function packageWith(tail: readonly number[]): Uint8Array {
  const fixed = PACKAGE.subarray(MANIFEST_AT, MANIFEST_SIGNATURE_AT);
  const manifest = withTail(fixed, tail, (message) => KEYS.manufacturer.sign(message));
  const head = concat(
    PACKAGE.subarray(0, MANIFEST_AT),
    manifest,
    PACKAGE.subarray(MANIFEST_SIGNATURE_AT + SIGNATURE_BYTES, HEAD_CRC_AT + CRC32_BYTES),
  );
  const octets = concat(head, PACKAGE.subarray(HEAD_CRC_AT + CRC32_BYTES));
  const view = new DataView(octets.buffer);
  view.setUint32(TOTAL_BYTES_AT, octets.length, true);
  view.setUint16(MANIFEST_BYTES_AT, manifest.length, true);
  putCrc(octets, 0, head.length - CRC32_BYTES);
  const digest = run(sha256(CONTEXTS.manifest, manifest.subarray(0, -SIGNATURE_BYTES)));
  for (const [index, [start, end]] of RECORDS.entries()) {
    const [from, to] = [start + tail.length, end + tail.length];
    const payload = octets.slice(from, to - SIGNATURE_BYTES);
    octets.set(run(signBlock(digest, index, RECORDS.length, payload)), to - SIGNATURE_BYTES);
    putCrc(octets, from, to);
  }
  return octets;
}
