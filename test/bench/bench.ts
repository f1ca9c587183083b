/**
 * `npm run bench`: package build and verify beside bare node:crypto and zlib on the same octets, an in-process update beside its own floor,
 * octets on a serial wire, what a meter costs, the start of the command, and of a DCO that was killed. Timings are ratios within one run. Exit 1 when a required ratio is not met.
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { meterCost } from './memory.js';
import { dcoRestartMs, journalOpenMs } from './restart.js';
import { compare, ROUNDS, type Comparison } from './rounds.js';
import { helpAboveBareNodeMs } from './start-up.js';
import {
  buildFromRaw,
  floorKeys,
  floorOfBuild,
  floorOfUpdate,
  floorOfVerify,
  floorSigningKey,
  subjectOf,
  updateRun,
  verifyIt,
} from './subjects.js';

interface Row {
  readonly what: string;
  /** A ratio within one run, unless `what` says its unit. */
  readonly measured: number;
  readonly required: number;
  readonly aim: number;
  readonly ours?: number;
  readonly floor?: number;
}

const IMAGE_BYTES = 971_304;
const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });

const old = subjectOf(new Uint8Array(randomBytes(4096)), 1);
const firmware = new Uint8Array(randomBytes(IMAGE_BYTES));
const next = subjectOf(firmware, 2);
const publicKeys = floorKeys();
const signingKey = floorSigningKey();
const update = updateRun(old, next);

const rows: Row[] = [
  row(
    'package build',
    1.5,
    1.2,
    compare(
      { name: 'ours', run: () => buildFromRaw(firmware, 2) },
      { name: 'floor', run: () => floorOfBuild(next, signingKey) },
    ),
  ),
  row(
    'package verify',
    1.5,
    1.2,
    compare(
      { name: 'ours', run: () => verifyIt(next.packageOctets) },
      { name: 'floor', run: () => floorOfVerify(next, publicKeys) },
    ),
  ),
  row(
    'in-process update',
    3,
    1.7,
    compare({ name: 'ours', run: update }, { name: 'floor', run: () => floorOfUpdate(next, publicKeys) }),
  ),
  {
    what: 'octets on a serial wire, both ways, per octet of random image',
    measured: update().wireOctets / IMAGE_BYTES,
    required: 1.035,
    aim: 1.035,
  },
];
const fresh = meterCost('fresh');
const full = meterCost('full');
rows.push(
  { what: 'KiB resident for a fresh meter of 1,000', measured: fresh.kibPerMeter, required: 64, aim: 64 },
  {
    what: `KiB resident for a meter of 1,000 with full logs (${full.profileEntries} half hours)`,
    measured: full.kibPerMeter,
    required: 256,
    aim: 256,
  },
  { what: 'ms to start a meter with full logs in process', measured: full.startMs, required: 100, aim: 100 },
);
rows.push(
  { what: 'smets1 --help, ms above bare node', measured: helpAboveBareNodeMs(), required: 150, aim: 150 },
  {
    what: 'ms until a DCO that was killed is ready again',
    measured: await dcoRestartMs(IMAGE_BYTES),
    required: 2_000,
    aim: 2_000,
  },
  { what: 'ms to open a journal of 1,000 records of 4 KiB', measured: await journalOpenMs(), required: 500, aim: 500 },
);

const missed = rows.filter(({ measured, required }) => measured > required);
if (values.json) for (const each of rows) console.log(JSON.stringify(each));
else {
  console.log(`image of ${IMAGE_BYTES} random octets, 4 KiB blocks; medians of ${ROUNDS} interleaved warm rounds`);
  for (const { what, measured, required, aim, ours, floor } of rows) {
    const times =
      ours === undefined || floor === undefined ? '' : `  (${ours.toFixed(1)} ms beside ${floor.toFixed(1)} ms)`;
    console.log(
      `${what}: ${measured.toFixed(3)}  required ${required}, aim ${aim}${times}${measured > required ? '  MISSED' : ''}`,
    );
  }
}
process.exitCode = missed.length === 0 ? 0 : 1;

function row(what: string, required: number, aim: number, { ours, floor, ratio }: Comparison): Row {
  return { what, measured: ratio, required, aim, ours: ours.medianMs, floor: floor.medianMs };
}
