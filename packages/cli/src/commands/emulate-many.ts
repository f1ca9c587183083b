import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ListenAddress } from '@smets1/hardware';
import { CliError } from '../errors.js';
import { readInput } from '../files/input-file.js';
import { checkOutput, makeFolder, writeOutput } from '../files/output-file.js';
import { readToken } from '../files/token-file.js';
import { RACK_FILE_BYTES_MAX, SEED_MAX } from '../limits.js';
import { loadOf, readLoad } from '../meter/load.js';
import { meterTrust } from '../meter/meter-keys.js';
import { readProfile } from '../meter/profile.js';
import { openRack } from '../meter/rack.js';
import { counted, rows } from '../output/style.js';
import type { Finish, Job } from '../run-command.js';
import { pathFrom, untilInterrupted } from '../shell.js';
import { checkListen, type EmulateFlags } from './emulate.js';

/** Virtual meters that run until they are told to stop, each at a path of its own. */
export async function emulateMany(job: Job, flags: EmulateFlags, meters: number): Promise<Finish> {
  checkManyFlags(flags);
  const signal = job.shell.interruption();
  const interrupted = untilInterrupted(job.shell);
  const path = (given: string | undefined): string | undefined => given && pathFrom(job.shell, given);
  const ws: ListenAddress = flags.ws ?? { host: '127.0.0.1', port: 0 };
  const token = flags.tokenFile === undefined ? undefined : readToken(pathFrom(job.shell, flags.tokenFile));
  checkListen(ws, token);
  const inventory = path(flags.inventory);
  if (inventory !== undefined) checkOutput(inventory, { force: flags.force });
  const profile = readProfile(flags.profile, (file) => pathFrom(job.shell, file));
  const folder = path(flags.folder);
  if (folder !== undefined) makeFolder(folder);
  const seed = seedOf(flags.seed, folder);
  const trust = meterTrust({
    trust: (flags.trust ?? []).map(({ role, path: file }) => ({ role, path: pathFrom(job.shell, file) })),
    flashPath: folder === undefined ? undefined : join(folder, 'meters'),
  });
  if (trust.isBench) job.report.warn('bench trust: one key stands for every role; never so on a meter that matters');
  const load =
    flags.loadCsv === undefined ? flags.load && loadOf(flags.load, seed) : readLoad(pathFrom(job.shell, flags.loadCsv));
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  failed.catch(() => undefined);
  let isReady = false;
  const rack = await openRack({
    meters,
    profile,
    seed,
    anchors: trust.anchors,
    ...(load === undefined ? {} : { load }),
    ws,
    token,
    folder,
    signal,
    onMade: (made) => tellMade(job, made, meters),
    tell: (deviceId, kind, detail, fields = {}) => {
      if (isReady) job.report.event(kind, { meter: deviceId, detail, ...fields }, `${deviceId} ${detail}`);
    },
    onFailure: fail,
  });
  try {
    const { devices, url } = rack;
    if (inventory !== undefined) {
      const text = `${JSON.stringify({ devices }, undefined, 1)}\n`;
      writeOutput(inventory, new TextEncoder().encode(text), { force: flags.force });
    }
    const ready = {
      meters: devices.length,
      ws: url,
      first: devices[0]?.address,
      seed,
      keys: trust.folder,
      folder,
      inventory,
    };
    isReady = true;
    job.report.event(
      'ready',
      { ...ready, pid: process.pid },
      rows([
        ['virtual meters', counted(devices.length)],
        ['addresses', `${url}/meters/ID, the first ${devices[0]?.deviceId}`],
        ['inventory', inventory ?? 'none; --inventory FILE writes ids, addresses and keys'],
        ['keys', trust.folder === undefined ? undefined : `${trust.folder} (made for these meters)`],
        ['flash', folder ?? 'in memory; --folder DIR keeps it'],
        ['seed', String(seed)],
      ]),
    );
    await Promise.race([interrupted, failed]);
  } finally {
    await rack.close();
  }
  return { ok: true, text: 'stopped' };
}

function checkManyFlags(flags: EmulateFlags): void {
  const { flash, serial, deviceKey, faults, control, controlTokenFile, start } = flags;
  const ofOne = {
    flash,
    serial,
    'device-key': deviceKey,
    faults,
    control,
    'control-token-file': controlTokenFile,
    start,
  };
  const given = Object.entries(ofOne).find(([, value]) => value !== undefined);
  if (given !== undefined) throw new CliError('usage', `--${given[0]} is for one meter, not for --meters N`);
  if (flags.clock !== 'wall') throw new CliError('usage', '--meters N runs on the wall clock; leave --clock out');
  if (flags.load !== undefined && flags.loadCsv !== undefined)
    throw new CliError('usage', '--load and --load-csv both say what the home draws; give one of them');
}

/** Keys follow from the seed, so meters that are kept keep theirs. */
function seedOf(wanted: number | undefined, folder: string | undefined): number {
  if (folder === undefined) return wanted ?? randomInt(SEED_MAX);
  const file = join(folder, 'seed');
  if (!existsSync(file)) {
    const seed = wanted ?? randomInt(SEED_MAX);
    writeOutput(file, new TextEncoder().encode(`${seed}\n`), { force: false });
    return seed;
  }
  const text = new TextDecoder().decode(readInput(file, 'the seed of the meters', RACK_FILE_BYTES_MAX)).trim();
  const kept = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(kept <= SEED_MAX)) throw new CliError('usage', `${file} holds no seed; its meters cannot be made again`);
  if (wanted !== undefined && wanted !== kept)
    throw new CliError(
      'usage',
      `the meters in ${folder} were made with --seed ${kept}; leave it out, or name another folder`,
    );
  return kept;
}

function tellMade(job: Job, made: number, meters: number): void {
  if (job.report.isJson) return;
  if (made % MADE_PER_LINE === 0 && made < meters)
    job.report.progress({ label: 'powering on', doneMeters: made, totalMeters: meters });
}

const MADE_PER_LINE = 50;
