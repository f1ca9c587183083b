/** Sets of meters as journals hold them: ascending indexes, runs of two and more as pairs. */
import type { MeterSet } from './campaign-input.js';

/** @param meters - Ascending, none twice. */
export function meterSetOf(meters: readonly number[]): MeterSet {
  const set: (number | readonly [number, number])[] = [];
  for (let at = 0; at < meters.length;) {
    const first = meters[at]!;
    let last = first;
    at += 1;
    while (at < meters.length && meters[at] === last + 1) {
      last += 1;
      at += 1;
    }
    set.push(last === first ? first : [first, last]);
  }
  return set;
}

/** The same for meters in any order. */
export function meterSetOfAny(meters: readonly number[]): MeterSet {
  return meterSetOf(meters.toSorted((one, other) => one - other));
}

export function* metersOf(set: MeterSet): Generator<number, void, undefined> {
  for (const item of set) {
    if (typeof item === 'number') yield item;
    else for (let meter = item[0]; meter <= item[1]; meter += 1) yield meter;
  }
}

export function countOf(set: MeterSet): number {
  let count = 0;
  for (const item of set) count += typeof item === 'number' ? 1 : item[1] - item[0] + 1;
  return count;
}

/** Why this is no meter set below `end`, or undefined when it is one. */
export function meterSetFault(set: MeterSet, end: number): string | undefined {
  let next = 0;
  for (const item of set) {
    const [first, last] = typeof item === 'number' ? [item, item] : item;
    if (typeof item !== 'number' && last <= first) return `[${first}, ${last}] is no run of two or more`;
    if (first < next) return `${first} is not after what stands before it`;
    if (last >= end) return `${last} is none of the ${end} meters`;
    next = last + 1;
  }
  return undefined;
}
