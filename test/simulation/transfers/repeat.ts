/**
 * A transfer world boiled down to three digests, so that two processes can say whether they lived the same one: of all that happened and when,
 * of the flash it left, of its report. Run as a program it lives a list of worlds and prints a line for each.
 */
import { createHash } from 'node:crypto';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { canonicalJson } from '@smets1/host';
import { modelBench, type Bench } from './images.js';
import { runTransfer } from './transfer-world.js';

export interface Repeatable {
  readonly seed: number;
  readonly meterKind: 'flat' | 'flash';
  /** Lets the wall clock into the world, which whoever compares two runs has to find out. */
  readonly canary: boolean;
}

export interface Lived {
  readonly trace: string;
  readonly flash: string;
  readonly report: string;
  readonly complaints: readonly string[];
}

export function live(bench: Bench, { seed, meterKind, canary }: Repeatable): Lived {
  const trace = createHash('sha256');
  const { surviving, ...report } = runTransfer({
    bench,
    seed,
    meterKind,
    trace(atMs, what, octets) {
      trace.update(`${atMs} ${what} ${octets?.length ?? ''}\n`);
      if (octets !== undefined) trace.update(octets);
    },
    ...(canary ? { extraLatencyMs: () => performance.now() % 1 } : {}),
  });
  const flash = createHash('sha256');
  for (const octets of surviving) flash.update(octets);
  const told = createHash('sha256').update(canonicalJson(report)).digest('hex');
  return { trace: trace.digest('hex'), flash: flash.digest('hex'), report: told, complaints: report.complaints };
}

/** The path of this program. */
export const REPEAT_PROGRAM: string = fileURLToPath(import.meta.url);

if (process.argv[1] === REPEAT_PROGRAM) {
  const bench = modelBench();
  const worlds = JSON.parse(process.argv[2] ?? '[]') as readonly Repeatable[];
  for (const world of worlds) process.stdout.write(`${JSON.stringify(live(bench, world))}\n`);
}
