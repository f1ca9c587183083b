/**
 * `npm run bench:fleet`: fleets of 1,000, 4,000 and 12,000 meters take the same 971,304 octets, each fleet in a process of its own; a table, and a
 * plot of what they cost. Exit 1 when a meter or a slot is not as it must be, when 12,000 take more than five minutes or 8 GiB, or when the
 * cost of a meter grows with their number.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import process, { argv, execPath, stdout } from 'node:process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isAsExpected, runFleet, type FleetRun } from '@smets1/fleet';
import { uBoot } from '../support/firmware.js';
import { plotOf } from './fleet-plot.js';

const SIZES: readonly number[] = [1_000, 4_000, 12_000];
const SEED = 1;
const REQUIRED = { seconds: 300, gib: 8, growth: 1.2 } as const;

interface Line {
  readonly meters: number;
  readonly activated: number;
  readonly withFault: number;
  readonly asExpected: boolean;
  readonly slotsHashed: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly hashedPerSecond: number;
  readonly floorRatio: number;
  readonly gib: number;
  readonly workers: number;
}

const self = fileURLToPath(import.meta.url);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      meters: { type: 'string' },
      json: { type: 'boolean', default: false },
      plot: { type: 'string', default: '.cache/bench-fleet.svg' },
    },
  });
  if (values.meters !== undefined) {
    const run = await runFleet({
      meters: Number(values.meters),
      seed: SEED,
      release: { firmware: uBoot('qemu_arm64') },
    });
    stdout.write(`${JSON.stringify(lineOf(run))}\n`);
    return;
  }
  if (!values.json) console.log(HEAD);
  const lines = SIZES.map((meters) => {
    const line = measured(meters);
    console.log(values.json ? JSON.stringify(line) : rowOf(line));
    return line;
  });
  const plot = resolve(values.plot);
  mkdirSync(dirname(plot), { recursive: true });
  writeFileSync(plot, plotOf(lines, `971,304 octets to each of so many meters, ${lines[0]!.workers} workers`));
  const missed = missedBy(lines);
  if (!values.json) for (const what of [`plot: ${plot}`, ...missed]) console.log(what);
  process.exitCode = missed.length === 0 ? 0 : 1;
}

/** In a process of its own, so that no fleet finds what the one before it has left. @throws when that one fails */
function measured(meters: number): Line {
  const run = spawnSync(execPath, [self, '--meters', String(meters)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (run.status !== 0) throw new Error(`the fleet of ${meters} ended with ${run.status}`);
  return JSON.parse(run.stdout) as Line;
}

function lineOf({ report, pace }: FleetRun): Line {
  const { meters, activated, slots, faults } = report;
  return {
    meters,
    activated,
    withFault: Object.values(faults).reduce((sum, fault) => sum + fault.meters, 0),
    asExpected: isAsExpected(report),
    slotsHashed: slots.hashed,
    seconds: pace.updateMs / 1000,
    imagesPerSecond: pace.imagesPerSecond,
    hashedPerSecond: pace.hashedPerSecond,
    floorRatio: pace.floorRatio,
    gib: pace.residentBytesMax / 2 ** 30,
    workers: pace.workers,
  };
}

/** How much dearer a meter of the largest fleet is than one of the smallest, in bare hashes: a machine that got busier slows both. */
function growthOf(lines: readonly Line[]): number {
  return lines.at(-1)!.floorRatio / lines[0]!.floorRatio;
}

function missedBy(lines: readonly Line[]): readonly string[] {
  const { seconds, gib, meters } = lines.at(-1)!;
  const growth = growthOf(lines);
  return [
    ...lines
      .filter(({ asExpected }) => !asExpected)
      .map((line) => `MISSED: not all of ${line.meters} ended as they must`),
    ...(seconds > REQUIRED.seconds ? [`MISSED: ${meters} took ${seconds.toFixed(0)} s of ${REQUIRED.seconds}`] : []),
    ...(gib > REQUIRED.gib ? [`MISSED: ${meters} took ${gib.toFixed(2)} GiB of ${REQUIRED.gib}`] : []),
    ...(growth > REQUIRED.growth
      ? [`MISSED: a meter costs ${growth.toFixed(2)} times as much in the largest fleet`]
      : []),
  ];
}

const HEAD = 'meters  activated  faults  all right  slots    seconds  images/s  hashed/s  floor  GiB';

function rowOf(line: Line): string {
  const { meters, activated, withFault, asExpected, slotsHashed, seconds, imagesPerSecond, hashedPerSecond } = line;
  return [
    String(meters).padStart(6),
    String(activated).padStart(9),
    String(withFault).padStart(6),
    (asExpected ? 'yes' : 'NO').padStart(9),
    String(slotsHashed).padStart(5),
    seconds.toFixed(1).padStart(9),
    imagesPerSecond.toFixed(1).padStart(8),
    hashedPerSecond.toFixed(0).padStart(8),
    line.floorRatio.toFixed(1).padStart(5),
    line.gib.toFixed(2).padStart(4),
  ].join('  ');
}

if (argv[1] === self) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')))
      throw error;
    console.error(`${error.message}\nnpm run bench:fleet [-- --json] [-- --plot FILE.svg]`);
    process.exitCode = 2;
  }
}
