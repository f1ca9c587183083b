/** Where large images start in a journal, with what stood at their limits then. */
import { sizeOf } from './checker/meter-set.js';
import { dayIn, metersIn, type DraftOf, type DraftPart, type JournalDraft } from './journal-draft.js';

export interface Starts {
  readonly record: DraftOf<'released'>;
  readonly part: DraftPart;
  readonly day: number;
  /** Large starts of the day, this record's included. */
  readonly startedOnDay: number;
  /** Of this request. */
  readonly ofUserOnDay: number;
  /** Spare capacity that the last grant speaks of. */
  readonly capacityOfDay: number;
  /** None of its meters was started before. */
  readonly isFresh: boolean;
}

export function placesOf(draft: JournalDraft): Starts[] {
  const large = new Map<string, boolean>();
  const byDay = new Map<string, number>();
  const seen = new Set<number>();
  const places: Starts[] = [];
  let capacityOfDay = 0;
  const add = (key: string, meters: number): number => {
    byDay.set(key, (byDay.get(key) ?? 0) + meters);
    return byDay.get(key)!;
  };
  for (const record of draft.records) {
    if (record.kind === 'requested')
      for (const { route, hops } of record.routes)
        for (const [hop, one] of hops.entries()) large.set(`${route} ${hop}`, one.large);
    if (record.kind === 'granted') capacityOfDay = record.capacity - record.otherTraffic;
    if (record.kind !== 'released') continue;
    const day = dayIn(record);
    for (const part of record.parts) {
      const isFresh = metersIn(part.meters).every((meter) => !seen.has(meter));
      for (const meter of metersIn(part.meters)) seen.add(meter);
      if (large.get(`${part.route} ${part.hop}`) !== true) continue;
      const size = sizeOf(part.meters);
      const startedOnDay = add(`${day}`, size);
      const ofUserOnDay = add(`${day} ${record.requestId}`, size);
      places.push({ record, part, day, startedOnDay, ofUserOnDay, capacityOfDay, isFresh });
    }
  }
  return places;
}
