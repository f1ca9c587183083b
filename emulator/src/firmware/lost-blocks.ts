/**
 * Records of the staging log that take claims back. `lost` says that blocks which were durable are not any more, and that
 * their sectors are about to be erased; `cleared` that the erase has ended. Both are a record of blocks
 * (docs/FLASH-FILE.md §7.1) under another type.
 */
import { blocksRecords, STAGING_RECORD_BYTES_MAX, type HeldImage } from '@smets1/protocol';
import { sameOctets } from '../octets.js';

const TYPES = { blocks: 0x4e, lost: 0x72, cleared: 0x8d } as const;
const AT = { type: 0, firstBlock: 2, instance: 4, bits: 8 } as const;

/** As few records as give up all of `blocks`. */
export function lostRecords(held: HeldImage, blocks: readonly number[]): readonly Uint8Array[] {
  return blocksRecords(held, blocks).map((record) => ofType(record, TYPES.lost));
}

/** That what this record gave up has been erased. */
export function clearedRecord(lost: Uint8Array): Uint8Array {
  return ofType(lost, TYPES.cleared);
}

/** Whether a record of blocks, of any type, names a block. */
export function names(record: Uint8Array, block: number): boolean {
  const bit = block - firstBlockOf(record);
  const octet = bit < 0 ? undefined : record[AT.bits + (bit >> 3)];
  return octet !== undefined && (octet & (1 << (bit & 7))) !== 0;
}

export interface Unlost {
  /** Every other record, in order, without the claims that were taken back after it. */
  readonly records: readonly Uint8Array[];
  /** Lost and not cleared. */
  readonly lost: readonly Uint8Array[];
}

/** @param log - Payloads of the staging log, oldest first. */
export function withoutLost(log: readonly Uint8Array[]): Unlost {
  let records: Uint8Array[] = [];
  let lost: Uint8Array[] = [];
  for (const record of log) {
    const isOfBlocks = record.length === STAGING_RECORD_BYTES_MAX;
    if (isOfBlocks && record[AT.type] === TYPES.lost) {
      records = records.map((earlier) => without(earlier, record));
      if (!lost.some((known) => sameOctets(known, record))) lost.push(record);
    } else if (isOfBlocks && record[AT.type] === TYPES.cleared) {
      lost = lost.filter((known) => !sameOctets(ofType(known, TYPES.cleared), record));
    } else {
      records.push(record);
    }
  }
  return { records, lost };
}

function without(claims: Uint8Array, lost: Uint8Array): Uint8Array {
  if (claims[AT.type] !== TYPES.blocks || claims.length !== STAGING_RECORD_BYTES_MAX) return claims;
  if (!sameOctets(claims.subarray(AT.instance, AT.bits), lost.subarray(AT.instance, AT.bits))) return claims;
  const rest = claims.slice();
  const firstBlock = firstBlockOf(claims);
  for (let bit = 0; bit < (STAGING_RECORD_BYTES_MAX - AT.bits) * 8; bit++) {
    if (names(lost, firstBlock + bit)) rest[AT.bits + (bit >> 3)]! &= ~(1 << (bit & 7));
  }
  return rest;
}

function firstBlockOf(record: Uint8Array): number {
  return record[AT.firstBlock]! | (record[AT.firstBlock + 1]! << 8);
}

function ofType(record: Uint8Array, type: number): Uint8Array {
  const copy = record.slice();
  copy[AT.type] = type;
  return copy;
}
