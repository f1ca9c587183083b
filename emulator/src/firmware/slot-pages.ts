/** Octets that go into a slot, page by page, and what stands there already. */
import type { FlashRegion } from '../flash/flash-port.js';
import { CUT_ERASED_READS, CUT_PAGE_READS, PROGRAM_PAGE_BYTES, WEAK_READS } from '../limits.js';
import { isFilled, sameOctets } from '../octets.js';

export interface Page {
  /** Offset in the slot. */
  readonly at: number;
  readonly octets: Uint8Array;
}

/** Octets as they are programmed, the end filled up to whole granules as erased flash. */
export function wholeOf(region: FlashRegion, at: number, octets: Uint8Array): Page {
  return { at, octets: paddedFor(region, octets) };
}

/** Octets as they are programmed from this offset of the slot on: in whole pages, the last one filled up to whole granules as erased flash. */
export function pagesOf(region: FlashRegion, offsetBytes: number, octets: Uint8Array): readonly Page[] {
  const { granuleBytes } = region;
  const padded = paddedFor(region, octets);
  const pageBytes = Math.max(granuleBytes, PROGRAM_PAGE_BYTES - (PROGRAM_PAGE_BYTES % granuleBytes));
  const pages: Page[] = [];
  for (let from = 0; from < padded.length;) {
    const at = offsetBytes + from;
    const to = Math.min(padded.length, from + pageBytes - (at % pageBytes));
    pages.push({ at, octets: padded.subarray(from, to) });
    from = to;
  }
  return pages;
}

export type PageKind = 'erased' | 'same' | 'spoilt';

/** What stands where a page goes. What was there before is looked at more than once: a cut may have left it undecided. */
export function pageKind(region: FlashRegion, { at, octets }: Page): PageKind {
  const there = region.read(at, octets.length);
  if (isFilled(there, 0, there.length, region.erasedValue)) {
    region.readInto(at, there);
    return isFilled(there, 0, there.length, region.erasedValue) ? 'erased' : 'spoilt';
  }
  return readsAs(region, at, octets, WEAK_READS) ? 'same' : 'spoilt';
}

/**
 * Whether a cut can have struck none of these pages, which are programmed in their order: then it is the last one that stands there, or the first
 * that does not, and neither reads otherwise, however often it is read.
 */
export function isSettled(
  region: FlashRegion,
  pages: readonly { readonly page: Page; readonly kind: PageKind }[],
): boolean {
  const last = pages.findLast(({ kind }) => kind === 'same')?.page;
  const next = pages.find(({ kind }) => kind === 'erased')?.page;
  const blank = (octets: Uint8Array): Uint8Array => new Uint8Array(octets.length).fill(region.erasedValue);
  return (
    (last === undefined || readsAs(region, last.at, last.octets, CUT_PAGE_READS)) &&
    (next === undefined || readsAs(region, next.at, blank(next.octets), CUT_ERASED_READS))
  );
}

/** Whether these octets stand there, read so many times. */
export function readsAs(region: FlashRegion, at: number, octets: Uint8Array, reads: number): boolean {
  const there = new Uint8Array(octets.length);
  for (let read = 0; read < reads; read++) {
    region.readInto(at, there);
    if (!sameOctets(there, octets)) return false;
  }
  return true;
}

/** Octets in whole granules, its end as erased flash. */
function paddedFor({ granuleBytes, erasedValue }: FlashRegion, octets: Uint8Array): Uint8Array {
  if (octets.length % granuleBytes === 0) return octets;
  const padded = new Uint8Array(Math.ceil(octets.length / granuleBytes) * granuleBytes);
  padded.fill(erasedValue, octets.length);
  padded.set(octets);
  return padded;
}
