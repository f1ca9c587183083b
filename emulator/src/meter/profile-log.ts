import { DAY_S, EXPORT_DAY_BYTES, HALF_HOUR_S, HALF_HOURS_PER_DAY, IMPORT_DAY_BYTES } from '../limits.js';
import type { MeterState } from './meter-state.js';
import type { ProfileChannel, ProfileEntry } from './meter-types.js';
import type { OpenDay } from './open-day.js';
import type { ProfileStore } from './profile-store.js';
import { ringEntries } from './profile-rings.js';

// docs/METER.md §4; the number of the record stands before.
const IMPORT_AT = { day: 0, outage: 4, values: 12 } as const;
const EXPORT_AT = { day: 0, export: 4, reactive: 4 + 4 * HALF_HOURS_PER_DAY } as const;
const NUMBER_BYTES = 4;

/** Keeps a day that is over; one without export and reactive energy needs no record of them. */
export function writeDay(store: ProfileStore, number: number, openDay: OpenDay): void {
  if ([...openDay.exportWh, ...openDay.reactiveImportVarh].some((value) => value > 0)) {
    store.write('export', number, encodeExportDay(openDay));
  }
  // The record of the import comes last: it is the one that says that there was such a day.
  store.write('import', number, encodeImportDay(openDay));
}

/** Half hours of a channel that begin in [fromS, untilS). A time that the clock went through twice is added up. */
export function readProfile(
  store: ProfileStore,
  state: MeterState,
  channel: ProfileChannel,
  fromS: number,
  untilS: number,
): readonly ProfileEntry[] {
  const entries = new Map<number, ProfileEntry>();
  const days = channel === 'active-import' ? store.days : ringEntries('export', store.days);
  for (const day of [...closedDays(store, state, channel, days), { ...state.openDay, endS: state.timeS }]) {
    valuesOf(day, channel).forEach((value, at) => {
      const startS = day.day * DAY_S + at * HALF_HOUR_S;
      if (startS < fromS || startS >= untilS || startS + HALF_HOUR_S > day.endS) return;
      const before = entries.get(startS);
      const outage = day.outage[at]! || (before?.outage ?? false);
      entries.set(startS, { startS, value: value + (before?.value ?? 0), outage });
    });
  }
  return [...entries.values()].toSorted((a, b) => a.startS - b.startS).slice(-days * HALF_HOURS_PER_DAY);
}

interface ClosedDay extends OpenDay {
  readonly endS: number;
}

function closedDays(
  store: ProfileStore,
  state: MeterState,
  channel: ProfileChannel,
  days: number,
): readonly ClosedDay[] {
  const upTo = state.counts.days;
  const exported = new Map(
    channel === 'active-import' ? [] : store.read('export', upTo).map(({ number, payload }) => [number, payload]),
  );
  return store
    .read('import', upTo)
    .filter(({ number }) => number > upTo - days)
    .map(({ number, payload }) => {
      const day = decodeDay(payload, exported.get(number));
      return { ...day, endS: (day.day + 1) * DAY_S };
    });
}

function valuesOf(day: OpenDay, channel: ProfileChannel): readonly number[] {
  switch (channel) {
    case 'active-import':
      return day.importWh;
    case 'active-export':
      return day.exportWh;
    case 'reactive-import':
      return day.reactiveImportVarh;
  }
}

function encodeImportDay({ day, outage, importWh }: OpenDay): Uint8Array {
  const octets = new Uint8Array(IMPORT_DAY_BYTES - NUMBER_BYTES);
  const view = new DataView(octets.buffer);
  view.setInt32(IMPORT_AT.day, day, true);
  outage.forEach((isMarked, at) => {
    if (isMarked) octets[IMPORT_AT.outage + (at >> 3)]! |= 1 << (at & 7);
  });
  putValues(view, IMPORT_AT.values, importWh);
  return octets;
}

function encodeExportDay({ day, exportWh, reactiveImportVarh }: OpenDay): Uint8Array {
  const octets = new Uint8Array(EXPORT_DAY_BYTES - NUMBER_BYTES);
  const view = new DataView(octets.buffer);
  view.setInt32(EXPORT_AT.day, day, true);
  putValues(view, EXPORT_AT.export, exportWh);
  putValues(view, EXPORT_AT.reactive, reactiveImportVarh);
  return octets;
}

function decodeDay(imported: Uint8Array, exported: Uint8Array | undefined): OpenDay {
  const view = new DataView(imported.buffer, imported.byteOffset, imported.byteLength);
  const none = Array.from({ length: HALF_HOURS_PER_DAY }, () => 0);
  const more = exported && new DataView(exported.buffer, exported.byteOffset, exported.byteLength);
  return {
    day: view.getInt32(IMPORT_AT.day, true),
    outage: none.map((_, at) => (imported[IMPORT_AT.outage + (at >> 3)]! & (1 << (at & 7))) !== 0),
    importWh: getValues(view, IMPORT_AT.values),
    exportWh: more === undefined ? none : getValues(more, EXPORT_AT.export),
    reactiveImportVarh: more === undefined ? none : getValues(more, EXPORT_AT.reactive),
  };
}

function putValues(view: DataView, offsetBytes: number, values: readonly number[]): void {
  values.forEach((value, at) => view.setUint32(offsetBytes + 4 * at, value, true));
}

function getValues(view: DataView, offsetBytes: number): readonly number[] {
  return Array.from({ length: HALF_HOURS_PER_DAY }, (_, at) => view.getUint32(offsetBytes + 4 * at, true));
}
