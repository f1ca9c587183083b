import { DAY_S, DAILY_CONSUMPTION_ENTRIES } from '../limits.js';
import type { DayConsumption, MeterState } from './meter-state.js';
import type { MeterLogs, MeterRead } from './meter-types.js';
import { OctetReader, OctetWriter } from './octet-stream.js';
import type { ProfileStore } from './profile-store.js';
import { consumptionDays } from './profile-rings.js';
import { readRead, writeRead } from './read-codec.js';
import { readConsumption, writeConsumption } from './state-codec.js';

export function writeDailyRead(store: ProfileStore, number: number, read: MeterRead): void {
  const to = new OctetWriter();
  writeRead(to, read);
  store.write('daily-read', number, to.octets);
}

/** The last 31, oldest first. */
export function readDailyReads(store: ProfileStore, state: MeterState): readonly MeterRead[] {
  return store.read('daily-read', state.counts.days).map(({ payload }) => readRead(new OctetReader(payload)));
}

export function writeConsumptionChunk(store: ProfileStore, number: number, days: readonly DayConsumption[]): void {
  const to = new OctetWriter();
  writeConsumption(to, days);
  store.write('consumption', number, to.octets);
}

/** The last 731 days, oldest first; a day that the clock went through twice is added up. */
export function readDailyConsumption(store: ProfileStore, state: MeterState): MeterLogs['dailyConsumption'] {
  const byDay = new Map<number, number>();
  const chunks = store
    .read('consumption', state.counts.chunks)
    .flatMap(({ payload }) => readConsumption(new OctetReader(payload)));
  for (const { day, importWh } of [...chunks, ...state.consumption]) byDay.set(day, (byDay.get(day) ?? 0) + importWh);
  return [...byDay]
    .toSorted(([a], [b]) => a - b)
    .slice(-Math.min(DAILY_CONSUMPTION_ENTRIES, consumptionDays(store.days)))
    .map(([day, importWh]) => ({ dayStartS: day * DAY_S, importWh }));
}
