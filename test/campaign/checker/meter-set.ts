/** Sets of meters as journals write them: ascending indexes, and `[first, last]` for runs. */
export type MeterSet = readonly (number | readonly [first: number, last: number])[];

/** Calls `each` for every meter; nothing is called for a set that is none. */
export function forEachMeter(set: MeterSet, each: (meter: number) => void): void {
  for (const item of set) {
    if (typeof item === 'number') each(item);
    else for (let meter = item[0]; meter <= item[1]; meter += 1) each(meter);
  }
}

export function sizeOf(set: MeterSet): number {
  return set.reduce<number>((sum, item) => sum + (typeof item === 'number' ? 1 : item[1] - item[0] + 1), 0);
}

/** What is wrong with it as a set of meters below `end`; undefined: nothing. */
export function meterSetFault(set: unknown, end: number): string | undefined {
  if (!Array.isArray(set)) return 'is no list';
  let last = -1;
  for (const item of set as unknown[]) {
    const pair = Array.isArray(item) ? (item as unknown[]) : [item, item];
    const [from, to] = pair;
    if (pair.length !== 2 || !Number.isSafeInteger(from) || !Number.isSafeInteger(to))
      return `${JSON.stringify(item)} is no index and no pair of them`;
    if (Array.isArray(item) && Number(to) <= Number(from)) return `${JSON.stringify(item)} is no run of two or more`;
    if (Number(from) <= last) return `${String(from)} is not above ${last}, which stands before it`;
    if (Number(to) >= end) return `${String(to)} is none of the ${end} meters`;
    last = Number(to);
  }
  return undefined;
}
