/**
 * What one more meter of a fleet costs in resident memory, and how long it takes to start: a 32 Mbit flash each, one factory image for all.
 * `meterCost` runs it by itself in a fresh process, where it prints one JSON line.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import process, { argv, execPath, memoryUsage, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { DEFAULT_LAYOUT, householdLoad, PARTITION_NAMES, type NorFlash, type PartitionName } from '@smets1/emulator';
import { factoryFlash, startMeter, subjectOf } from './subjects.js';

const METERS = 1000;
const IMAGE_BYTES = 971_304;
/** What the first meters make the engine compile and keep is not what a meter costs. */
const WARM_UP_METERS = 20;
const DAYS = 400;
const LOG_ENTRIES = 100;
const EPOCH_S = 1_767_225_600;
const SHARED: readonly PartitionName[] = ['slot-0', 'slot-1', 'identity'];

/** `fresh`: just made. `full`: thirteen months old, every octet that it wrote in all that time its own. */
export type Age = 'fresh' | 'full';

export interface MeterCost {
  readonly kibPerMeter: number;
  /** Median of the starts, boot's check of a whole image included. */
  readonly startMs: number;
  readonly profileEntries: number;
}

/**
 * What a process keeps of what was freed is not what a meter costs, and differs by 20 MiB from run to run: so the engine's young generation stays
 * small, and the C library gives buffers of the size of an image, which boot hashes at each start, back at once.
 */
const FLAGS = ['--expose-gc', '--max-semi-space-size=1'];
const ENVIRONMENT = { MALLOC_MMAP_THRESHOLD_: '131072' };

/** Measures in a process of its own. @throws when that one fails */
export function meterCost(age: Age): MeterCost {
  const run = spawnSync(execPath, [...FLAGS, self, age], {
    encoding: 'utf8',
    env: { ...process.env, ...ENVIRONMENT },
    maxBuffer: 1_000_000,
  });
  if (run.status !== 0) throw new Error(`the fleet of ${age} meters ended with ${run.status}: ${run.stderr}`);
  return JSON.parse(run.stdout) as MeterCost;
}

function measure(age: Age): MeterCost {
  const factory = factoryFlash(subjectOf(new Uint8Array(randomBytes(IMAGE_BYTES)), 1));
  const load = householdLoad(1);
  const options = { epochS: EPOCH_S + (age === 'full' ? (DAYS + 5) * 86_400 : 0), load };
  if (age === 'full') grow(factory);
  const meters: unknown[] = [];
  const startsMs: number[] = [];
  const add = (): number => {
    const flash = factory.fork();
    if (age === 'full') ownWhatItWrote(flash);
    const began = performance.now();
    const meter = startMeter(flash, options);
    startsMs.push(performance.now() - began);
    meters.push(flash, meter);
    return meters.length > 2 ? 0 : meter.meter.profile('active-import', 0).length;
  };
  const profileEntries = add();
  for (let i = 1; i < WARM_UP_METERS; i++) add();
  const before = residentBytes();
  for (let i = 0; i < METERS; i++) add();
  const grownBytes = residentBytes() - before;
  // Read after the measurement, so that no meter is garbage before it.
  if (meters.length !== 2 * (METERS + WARM_UP_METERS)) throw new Error('a meter is missing');
  const startMs = startsMs.toSorted((a, b) => a - b)[startsMs.length >> 1]!;
  return { kibPerMeter: grownBytes / METERS / 1024, startMs, profileEntries };
}

/** Thirteen months in the life of the one that all others are made from, its Event and Power Logs full as well. */
function grow(flash: NorFlash): void {
  const grown = { epochS: EPOCH_S, load: householdLoad(1) };
  let meter = startMeter(flash, grown);
  for (let day = 1; day <= DAYS; day++) meter.flush(day * 86_400_000);
  for (let i = 0; i < LOG_ENTRIES; i++) {
    // Each start is an entry of the Power Log, each switching one of the Event Log.
    meter = startMeter(flash, { ...grown, epochS: EPOCH_S + DAYS * 86_400 + i * 3600 });
    meter.meter.command({ kind: i % 2 === 0 ? 'disable-supply' : 'enable-supply' }, 0);
  }
}

/** Erases and programs every sector that a meter fills by itself: from here on no other shares it. */
function ownWhatItWrote(flash: NorFlash): void {
  for (const name of PARTITION_NAMES) {
    if (SHARED.includes(name)) continue;
    const region = flash.partition(name);
    for (const { index, offsetBytes, lengthBytes } of region.sectors) {
      const octets = region.read(offsetBytes, lengthBytes);
      const isBlank = octets.every((octet) => octet === DEFAULT_LAYOUT.geometry.erasedValue);
      region.eraseSector(index);
      if (!isBlank) region.program(offsetBytes, octets);
    }
  }
}

function residentBytes(): number {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error('start node with --expose-gc');
  for (let round = 0; round < 4; round++) collect();
  return memoryUsage().rss;
}

const self = fileURLToPath(import.meta.url);
if (argv[1] === self) {
  const age = argv[2];
  if (age === 'fresh' || age === 'full') stdout.write(`${JSON.stringify(measure(age))}\n`);
}
