/**
 * Goal: kill -9 of a worker at any moment of an update loses no meter and updates none twice.
 * Method: meters in this process, a real server, three workers as processes. For each job a frame of its conversation is drawn; when the
 * meter hears that one, whoever sent it is killed, and another worker is started in its place. What counts is told by the meters (how often
 * boot brought a version up on trial), and by the records (the end of a job that was struck was written by somebody else, with a later claim).
 *
 *   --kills N   how many must have struck; 50 unless given
 *   --seed N    of the moments; drawn, and printed, unless given
 *   --json      the counts as one object
 */
import { randomInt } from 'node:crypto';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { createWorld } from '@smets1/host';
import { release, type Moment } from './rack.js';
import { openYard, type YardWorker } from './yard.js';

const METERS = 10;
const WORKERS = 3;
const IMAGE_BYTES = 12_000;
/** Versions after which it gives up: a kill that keeps missing is a fault of this check. */
const ROUNDS_SPARE = 5;
const ROUND_MS_MAX = 120_000;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    seed: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const killsWanted = Number(values.kills);
const seed = Number(values.seed ?? randomInt(2 ** 31));
const luck = createWorld({ seed }).random('moments');
const say = (text: string): void => {
  if (!values.json) console.log(text);
};
say(`seed ${seed}: ${killsWanted} kills of a worker, ${METERS} meters, ${WORKERS} workers`);

interface Strike {
  readonly deviceId: string;
  readonly campaignId: string;
  readonly frame: number;
  readonly workerId: string;
  readonly signal: number | NodeJS.Signals;
}

const faults: string[] = [];
const strikes: Strike[] = [];
const yard = await openYard(METERS);
const { rack, keys } = yard;
const startedAtMs = performance.now();
let updates = 0;
let claims = 0;

/** The first round, in which nobody is killed, says how many frames a conversation has. */
let framesMax = 0;
rack.onMoment = ({ frame }) => {
  framesMax = Math.max(framesMax, frame);
};

const workers = new Map<string, YardWorker>();
let born = 0;
function startWorker(): void {
  born += 1;
  const name = `w${born}`;
  workers.set(name, yard.worker(name));
}
for (let count = 0; count < WORKERS; count += 1) startWorker();

try {
  await round(2, []);
  for (let version = 3; strikes.length < killsWanted; version += 1) {
    if (version > 3 + Math.ceil(killsWanted / METERS) + ROUNDS_SPARE) {
      faults.push(`only ${strikes.length} of ${killsWanted} kills struck`);
      break;
    }
    const before = strikes.length;
    await round(version, aim(`version-${version}`, killsWanted - before));
    say(`version ${version}: ${strikes.length - before} killed, ${METERS} updated`);
  }
  const left = await yard.left();
  if (left > 0) faults.push(`${left} jobs are left in the queue`);
  for (const failure of rack.failures) faults.push(`a meter ended: ${String(failure)}`);
} catch (error) {
  faults.push(error instanceof Error ? error.message : String(error));
} finally {
  await yard.close();
}

const frames = strikes.map(({ frame }) => frame).toSorted((one, other) => one - other);
const counts = {
  seed,
  kills: strikes.length,
  updates,
  claims,
  meters: METERS,
  workersStarted: born,
  framesPerUpdate: framesMax,
  frames,
  seconds: Math.round((performance.now() - startedAtMs) / 1000),
  faults,
};
if (values.json) console.log(JSON.stringify(counts));
else {
  console.log(`kills struck ${strikes.length}, at frames ${frames.join(' ')} of up to ${framesMax}`);
  console.log(
    `updates ${updates}, each activated once; claims ${claims}; workers started ${born}; ${counts.seconds} s`,
  );
  for (const fault of faults) console.log(`  FAULT: ${fault} (seed ${seed})`);
}
process.exitCode = faults.length === 0 ? 0 : 1;

/** Draws a frame for each meter; the first conversation of its job in which that one comes is the last of whoever sent it. */
function aim(campaignId: string, killsMax: number): readonly Promise<void>[] {
  const moments = new Map(rack.meters.map(({ deviceId }) => [deviceId, luck.below(framesMax)]));
  const struck: Promise<void>[] = [];
  rack.onMoment = ({ worker, meter, frame }: Moment) => {
    const victim = workers.get(worker);
    if (moments.get(meter.deviceId) !== frame || victim === undefined || struck.length >= killsMax) return;
    moments.delete(meter.deviceId);
    workers.delete(worker);
    victim.child.kill('SIGKILL');
    struck.push(mourn(victim, { deviceId: meter.deviceId, campaignId, frame }));
    startWorker();
  };
  return struck;
}

async function mourn(
  { child, workerId }: YardWorker,
  strike: Pick<Strike, 'deviceId' | 'campaignId' | 'frame'>,
): Promise<void> {
  const signal = await child.ended;
  strikes.push({ ...strike, workerId: await workerId, signal });
}

/** Enters one update for all meters, waits for its end, and asks the meters. */
async function round(version: number, struck: readonly Promise<void>[]): Promise<void> {
  const wanted = release(keys, version, IMAGE_BYTES);
  const campaignId = await yard.enter(wanted, BigInt(version));
  const records = await yard.untilFinal(campaignId, ROUND_MS_MAX);
  await Promise.all(struck);
  if (records.length !== METERS) faults.push(`${campaignId}: ${records.length} records for ${METERS} meters`);
  for (const record of records) {
    const { deviceId } = record.job;
    claims += record.claim;
    if (record.state !== 'done') faults.push(`${deviceId} ${campaignId} is ${record.state}: ${record.fault?.message}`);
    const strike = strikes.find((one) => one.deviceId === deviceId && one.campaignId === campaignId);
    if (strike === undefined) continue;
    // A kill after the job had ended would have struck nothing.
    if (strike.signal !== 'SIGKILL') faults.push(`${strike.workerId} ended with ${strike.signal}, not by the kill`);
    if (record.worker === strike.workerId || record.claim < 2)
      faults.push(`${deviceId} ${campaignId}: the kill struck after the end of its job`);
  }
  for (const meter of rack.meters) {
    updates += 1;
    const trials = meter.trialsOf(version);
    const { runningVersion, originatorCounter } = meter.view();
    if (trials !== 1) faults.push(`${meter.deviceId}: version ${version} was activated ${trials} times`);
    if (runningVersion !== version) faults.push(`${meter.deviceId} runs version ${runningVersion}, not ${version}`);
    if (originatorCounter !== BigInt(version))
      faults.push(`${meter.deviceId} knows authorisation ${originatorCounter}`);
  }
}
