/**
 * KiB of resident memory that one more meter costs, in a fleet that shares its factory image: the growth of a fresh
 * process over 1,000 meters, after garbage collection. `node test/dist/bench/memory.js` prints it for bare flashes.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { argv, execPath, memoryUsage, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { createFlash, DEFAULT_LAYOUT, SectorPool, type FlashLayout, type NorFlash } from '@smets1/emulator';

/** What a fleet is made of. Without its functions: bare flashes, with a random image and one record written. */
export interface Fleet {
  readonly layout?: FlashLayout;
  /** Fills a new flash as the factory does, the same each time. */
  readonly factory?: (flash: NorFlash) => void;
  /** Powers a meter on and fills its logs; gives back what a running meter keeps. */
  readonly make?: (flash: NorFlash, index: number) => unknown;
  /** `fork`: all meters are forks of one flash. `pool`: each is written by itself, and shares its sectors afterwards. */
  readonly sharing: 'fork' | 'pool';
}

const METERS = 1000;
const IMAGE_BYTES = 1_048_576;
const CHUNK_BYTES = 4096;

/** Of this process, which has to be a fresh one with `--expose-gc`: {@link inFreshProcess}. @throws without a collector */
export function residentKibPerMeter({ layout = DEFAULT_LAYOUT, sharing, ...fleet }: Fleet): number {
  const image = new Uint8Array(randomBytes(IMAGE_BYTES));
  const factory = fleet.factory ?? ((flash: NorFlash): void => install(flash, image));
  const make = fleet.make ?? touch;
  const pool = new SectorPool();
  const made = (): NorFlash => {
    const flash = createFlash(layout);
    factory(flash);
    flash.shareSectors(pool);
    return flash;
  };
  const first = made();
  const meters: unknown[] = [];
  const add = (index: number): void => {
    const flash = sharing === 'fork' ? first.fork() : made();
    meters.push(flash, make(flash, index));
  };
  // What the first few make the engine compile and keep is not what a meter costs.
  const warmUp = 20;
  for (let index = 0; index < warmUp; index++) add(index);
  const before = residentBytes();
  for (let index = 0; index < METERS; index++) add(warmUp + index);
  const after = residentBytes();
  // Read after the measurement, so that no meter is garbage before it.
  if (meters.length !== 2 * (METERS + warmUp)) throw new Error('a meter is missing');
  return (after - before) / METERS / 1024;
}

/** Runs a script of this folder as `node --expose-gc`, and gives the one number that it prints. @throws when it fails */
export function inFreshProcess(script: string, ...args: readonly string[]): number {
  const run = spawnSync(execPath, ['--expose-gc', script, ...args], { encoding: 'utf8' });
  const measured = Number.parseFloat(run.stdout);
  if (run.status !== 0 || Number.isNaN(measured)) throw new Error(`${script} ended with ${run.status}: ${run.stderr}`);
  return measured;
}

function residentBytes(): number {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error('start node with --expose-gc');
  for (let round = 0; round < 4; round++) collect();
  return memoryUsage().rss;
}

function install(flash: NorFlash, image: Uint8Array): void {
  const slot = flash.partition('slot-0');
  for (let at = 0; at < image.length; at += CHUNK_BYTES) slot.program(at, image.subarray(at, at + CHUNK_BYTES));
}

// A flash that was powered on: every partition opened, a record programmed, a sector erased.
function touch(flash: NorFlash, index: number): unknown {
  for (const { name } of flash.layout.partitions) flash.partition(name);
  const region = flash.partition('boot-a');
  region.program(0, new Uint8Array(64 * region.granuleBytes).fill(index & 0x7f));
  flash.partition('boot-b').eraseSector(0);
  return undefined;
}

const self = fileURLToPath(import.meta.url);
if (argv[1] === self) {
  const sharing = argv[2];
  if (sharing === 'fork' || sharing === 'pool') {
    stdout.write(`${residentKibPerMeter({ sharing })}\n`);
  } else {
    for (const way of ['fork', 'pool'])
      stdout.write(`bare flash, ${way}: ${inFreshProcess(self, way).toFixed(1)} KiB\n`);
  }
}
