/** SACK: which frames came, what is durable, how much more may be opened (SPEC.md §9.4). */
import { layout, octets, u16, u32, u8 } from '../layout/layout.js';
import { SACK_BITMAP_BITS, SACK_DURABLE_OCTETS_MAX, SACK_RANGES_MAX } from '../limits.js';

export interface BlockRange {
  readonly block: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export interface Sack {
  readonly kind: 'sack';
  /** Highest DATA sequence received in this session; 0: none. */
  readonly highest: number;
  /** 8 octets: bit i says that sequence highest − 1 − i was received. */
  readonly bitmap: Uint8Array;
  /** Absolute: distinct blocks the host may have opened in this session. */
  readonly creditBlocks: number;
  readonly heldMs: number;
  readonly durableCount: number;
  /** A multiple of 8; every block below is durable. */
  readonly durableFrom: number;
  readonly durable: Uint8Array;
  readonly ranges: readonly BlockRange[];
  readonly receivedBytes: number;
  readonly storedBytes: number;
}

const HEAD = layout({
  highest: u32,
  bitmap: octets(SACK_BITMAP_BITS / 8),
  creditBlocks: u32,
  heldMs: u16,
  durableCount: u16,
  durableFrom: u16,
  durableOctets: u8,
  rangeCount: u8,
});
const RANGE = layout({ block: u16, offsetBytes: u32, lengthBytes: u32 });
const TAIL = layout({ receivedBytes: u32, storedBytes: u32 });

export function encodeSack(sack: Sack): Uint8Array {
  const rangesAt = HEAD.bytes + sack.durable.length;
  const tailAt = rangesAt + sack.ranges.length * RANGE.bytes;
  const payload = new Uint8Array(tailAt + TAIL.bytes);
  HEAD.encodeInto({ ...sack, durableOctets: sack.durable.length, rangeCount: sack.ranges.length }, payload, 0);
  payload.set(sack.durable, HEAD.bytes);
  sack.ranges.forEach((range, i) => RANGE.encodeInto(range, payload, rangesAt + i * RANGE.bytes));
  TAIL.encodeInto(sack, payload, tailAt);
  return payload;
}

/** Undefined when the payload is too short or its list lengths are out of bounds. */
export function decodeSack(payload: Uint8Array): Sack | undefined {
  if (payload.length < HEAD.bytes) return undefined;
  const { durableOctets, rangeCount, ...head } = HEAD.decode(payload);
  if (durableOctets > SACK_DURABLE_OCTETS_MAX || rangeCount > SACK_RANGES_MAX || head.durableFrom % 8 !== 0)
    return undefined;
  const rangesAt = HEAD.bytes + durableOctets;
  const tailAt = rangesAt + rangeCount * RANGE.bytes;
  if (payload.length < tailAt + TAIL.bytes) return undefined;
  const ranges = Array.from({ length: rangeCount }, (_, i) => RANGE.decode(payload, rangesAt + i * RANGE.bytes));
  return {
    kind: 'sack',
    ...head,
    durable: payload.slice(HEAD.bytes, rangesAt),
    ranges,
    ...TAIL.decode(payload, tailAt),
  };
}
