import { MINUTE_S, MINUTES_PER_DAY } from '../limits.js';
import type { LoadSource } from './load-source.js';

export interface HouseholdOptions {
  /** Peak of a solar roof in summer, W; 0: none. */
  readonly solarPeakW?: number;
  /** Reactive power as thousandths of the active one. */
  readonly reactivePermille?: number;
}

/**
 * A home out of a seed: something is always on, mornings and evenings are busy, a kettle boils, winters need more. Power is the
 * same through each minute of UTC, so that any time is the sum of its parts. A model: no measured profile stands behind it.
 */
export function householdLoad(seed: number, options: HouseholdOptions = {}): LoadSource {
  const { solarPeakW = 0, reactivePermille = 0 } = options;
  return (fromS, toS) => {
    let importWs = 0;
    let exportWs = 0;
    let reactiveImportVarS = 0;
    for (let at = fromS; at < toS;) {
      const minute = Math.floor(at / MINUTE_S);
      const untilS = Math.min(toS, (minute + 1) * MINUTE_S);
      const seconds = untilS - at;
      const demand = demandW(seed, minute);
      const netW = demand - sunW(seed, minute, solarPeakW);
      if (netW > 0) importWs += netW * seconds;
      else exportWs -= netW * seconds;
      reactiveImportVarS += Math.floor((demand * reactivePermille) / 1000) * seconds;
      at = untilS;
    }
    return { importWs, exportWs, reactiveImportVarS };
  };
}

/** Watts by hour of the day, over what is always on. */
const BUSY_W = [
  0, 0, 0, 0, 0, 40, 220, 420, 300, 160, 120, 140, 240, 180, 120, 140, 260, 480, 620, 560, 480, 360, 200, 60,
];

function demandW(seed: number, minute: number): number {
  const day = Math.floor(minute / MINUTES_PER_DAY);
  const minuteOfDay = minute % MINUTES_PER_DAY;
  const baseW = 60 + (mix(seed, 1) % 140);
  // One in winter, 0 in summer, in thousandths: a triangle over the year, which needs no trigonometry.
  const winter = Math.abs(1000 - Math.floor(((day % 365) * 2000) / 365));
  const busyW = Math.floor((BUSY_W[Math.floor(minuteOfDay / 60)]! * (700 + Math.floor(winter / 2))) / 1000);
  const mood = 500 + (mix(seed ^ day, Math.floor(minuteOfDay / 30)) % 1000);
  const fridgeW = mix(seed, 2 + Math.floor(minute / 17)) % 3 === 0 ? 90 : 0;
  const kettle = busyW > 100 && mix(seed ^ 0x6b65, minute) % 90 === 0 ? 2200 + (mix(seed, 3) % 800) : 0;
  return baseW + Math.floor((busyW * mood) / 1000) + fridgeW + kettle;
}

function sunW(seed: number, minute: number, peakW: number): number {
  if (peakW === 0) return 0;
  const day = Math.floor(minute / MINUTES_PER_DAY);
  const summer = 1000 - Math.abs(1000 - Math.floor(((day % 365) * 2000) / 365));
  const halfDayMinutes = 240 + Math.floor((summer * 240) / 1000);
  const fromNoon = Math.abs((minute % MINUTES_PER_DAY) - 720);
  if (fromNoon >= halfDayMinutes) return 0;
  const height = 1000 - Math.floor((fromNoon * fromNoon * 1000) / (halfDayMinutes * halfDayMinutes));
  const clearness = 200 + (mix(seed ^ 0x73, Math.floor(minute / 45)) % 800);
  return Math.floor((peakW * height * (300 + Math.floor((summer * 700) / 1000)) * clearness) / 1_000_000_000);
}

// 32 bits that depend on both numbers and on nothing else.
function mix(seed: number, index: number): number {
  let mixed = Math.imul(seed ^ 0x9e37_79b1, 0x85eb_ca6b) ^ Math.imul(index + 1, 0xc2b2_ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
