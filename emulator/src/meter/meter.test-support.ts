import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import type { FlashLayout } from '../flash/flash-port.js';
import { planLayout } from '../flash/layout-plan.js';
import type { NorFlash } from '../flash/nor-flash.js';
import { DAY_S } from '../limits.js';
import type { LoadSource } from './load-source.js';
import { openMeter } from './meter.js';
import type { Meter, MeterOptions, MeterView } from './meter-types.js';
import { DEFAULT_SETTINGS, type MeterSettings } from './settings.js';
import type { Tariff } from './tariff.js';

export const LAYOUT: FlashLayout = planLayout(
  {
    sectorRuns: [{ count: 60, sectorBytes: 4096 }],
    granuleBytes: 16,
    granuleRewritable: true,
    erasedValue: 0xff,
  },
  { imageBytesMax: 2048, stagingBytes: 4096, profileDays: 5 },
);

export const LAYOUT_512: FlashLayout = planLayout(
  {
    sectorRuns: [{ count: 180, sectorBytes: 4096 }],
    granuleBytes: 512,
    granuleRewritable: false,
    erasedValue: 0x00,
  },
  { imageBytesMax: 4096, stagingBytes: 4096, profileDays: 5 },
);

/** Thursday, 1 January 2026, 00:00 UTC. */
export const NEW_YEAR_S = 1_767_225_600;

/** Two registers: nights (from 00:30 to 04:30) and the rest, half as dear at night. */
export const TWO_RATES: Tariff = {
  ...DEFAULT_SETTINGS.tariff,
  dayProfiles: [
    [
      { minute: 0, register: 0 },
      { minute: 30, register: 1 },
      { minute: 270, register: 0 },
    ],
  ],
  touPricesMillipencePerKwh: [30_001, 15_003],
  standingChargeMillipencePerDay: 45_007,
};

/** Two registers in four blocks. */
export const BLOCKS_TARIFF: Tariff = {
  ...TWO_RATES,
  mode: 'block',
  blockPricesMillipencePerKwh: [
    [10_000, 11_000],
    [20_000, 21_000],
    [30_000, 31_000],
    [40_000, 41_000],
  ],
  blockThresholdsWh: [[100, 5_000, 9_000], [2_000]],
};

export function settingsWith(changes: Partial<MeterSettings>): MeterSettings {
  return { ...DEFAULT_SETTINGS, ...changes };
}

export function open(
  flash: NorFlash,
  options: Partial<MeterOptions> & { readonly load: LoadSource },
  nowS = NEW_YEAR_S,
): Meter {
  return openMeter(flash, crc32, options, nowS);
}

export function importWs(view: MeterView): number {
  return view.activeImportRegisterWh * 3600 + view.importRemainderWattSeconds;
}

export function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Everything that a meter shows, its closed and open half hours included. */
export function allOf(meter: Meter): unknown {
  const { storage, unpersistedWh, ...view } = meter.view();
  void [storage, unpersistedWh];
  return {
    view,
    logs: meter.logs(),
    profiles: (['active-import', 'active-export', 'reactive-import'] as const).map((channel) => meter.profile(channel)),
  };
}

/** Moments of a run, growing, each of them a little or a lot after the one before. */
export const moments = (endS: number): fc.Arbitrary<readonly number[]> =>
  fc
    .array(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: DAY_S })), { maxLength: 30 })
    .map((steps) => {
      let at = NEW_YEAR_S;
      const times = steps.map((step) => (at += step)).filter((time) => time < endS);
      return [...times, endS];
    });
