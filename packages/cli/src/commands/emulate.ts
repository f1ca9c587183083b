import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { ListenAddress } from '@smets1/hardware';
import { CliError } from '../errors.js';
import { readToken } from '../files/token-file.js';
import { isLoopback, type TrustedKeyFile } from '../flags/values.js';
import { SEED_MAX } from '../limits.js';
import { openBenchMeter, type BenchMeter } from '../meter/bench-meter.js';
import { openDoors, type Doors } from '../meter/doors.js';
import { meterKeys } from '../meter/meter-keys.js';
import { readProfile } from '../meter/profile.js';
import { rows, versionText } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { pathFrom, untilInterrupted } from '../shell.js';

export interface EmulateFlags extends CommonFlags {
  readonly profile?: string;
  readonly flash?: string;
  readonly ws?: ListenAddress;
  readonly serial?: string;
  readonly seed?: number;
  readonly trust?: readonly TrustedKeyFile[];
  readonly deviceKey?: string;
  readonly tokenFile?: string;
}

const LOOPBACK: ListenAddress = { host: '127.0.0.1', port: 0 };

/** A virtual meter that runs until it is told to stop. */
export async function emulate(job: Job, flags: EmulateFlags): Promise<Finish> {
  const interrupted = untilInterrupted(job.shell);
  const path = (given: string | undefined): string | undefined => given && pathFrom(job.shell, given);
  const flashPath = path(flags.flash);
  const token = flags.tokenFile === undefined ? undefined : readToken(pathFrom(job.shell, flags.tokenFile));
  if (flags.ws !== undefined && !isLoopback(flags.ws.host) && token === undefined) {
    throw new CliError(
      'usage',
      `${flags.ws.host} can be reached from other machines; add --token-file, or listen on 127.0.0.1`,
    );
  }
  const profile = readProfile(path(flags.profile));
  const keys = meterKeys({
    trust: (flags.trust ?? []).map(({ role, path: file }) => ({ role, path: pathFrom(job.shell, file) })),
    deviceKeyPath: path(flags.deviceKey),
    flashPath,
  });
  if (keys.isBench) job.report.warn('bench trust: one key stands for every role; never so on a meter that matters');
  const seed = flags.seed ?? randomInt(SEED_MAX);
  const ended = untilFailure();
  let starts = 0;
  const meter = openBenchMeter({
    profile,
    seed,
    flashPath,
    anchors: keys.anchors,
    deviceKey: keys.deviceKey,
    onStart: (start) => {
      const runningVersion = versionText(start.runningVersion);
      const text = `started: ${start.phase}, boot ${start.bootEpoch}, runs ${runningVersion}`;
      // The first start is in what is said once the meter can be reached.
      job.report.event('start', { ...start, runningVersion }, starts++ === 0 ? undefined : text);
    },
    onFailure: ended.fail,
  });
  let doors: Doors | undefined;
  try {
    const isPlain = flags.ws === undefined && flags.serial === undefined;
    const serial = flags.serial === undefined ? undefined : { path: pathFrom(job.shell, flags.serial) };
    doors = await openDoors({
      meter,
      ws: isPlain ? LOOPBACK : flags.ws,
      serial: isPlain ? 'auto' : serial,
      token,
      tell: ({ kind, detail }) => job.report.event(kind, { detail }, `${kind}: ${detail}`),
    });
    sayReady(job, meter, doors, { seed, flashPath, keys: keys.folder });
    await Promise.race([interrupted, ended.promise]);
  } finally {
    await doors?.close();
    await meter.close();
    // Keys of a meter that was in memory only are nobody's any more.
    if (keys.folder !== undefined && flashPath === undefined) rmSync(keys.folder, { recursive: true, force: true });
  }
  return { ok: true, text: 'stopped' };
}

interface Ready {
  readonly seed: number;
  readonly flashPath: string | undefined;
  readonly keys: string | undefined;
}

function sayReady(job: Job, meter: BenchMeter, doors: Doors, { seed, flashPath, keys }: Ready): void {
  const { deviceId, mode, bootEpoch, runningVersion, runningHash, securityCounter } = meter.view();
  const version = versionText(runningVersion);
  const name = deviceId.replaceAll(/(..)(?!$)/g, '$1-');
  job.report.event(
    'ready',
    {
      deviceId: name,
      ws: doors.wsUrl,
      serial: doors.serialUrl,
      seed,
      flash: flashPath,
      keys,
      isNew: meter.isNew,
      mode,
      bootEpoch,
      runningVersion: version,
      runningHash: runningHash.toLowerCase(),
      securityCounter,
      pid: process.pid,
    },
    rows([
      ['virtual meter', `${name}, runs ${version}, counter ${securityCounter}`],
      ['WebSocket', doors.wsUrl],
      ['serial', doors.serialUrl],
      ['keys', keys === undefined ? undefined : `${keys} (made for this meter)`],
      ['flash', flashPath ?? 'in memory; --flash FILE keeps it'],
      ['seed', String(seed)],
    ]),
  );
}

/** A promise that is rejected by `fail`, also when nobody waits for it yet. */
function untilFailure(): { readonly promise: Promise<never>; readonly fail: (error: unknown) => void } {
  let fail: (error: unknown) => void = () => undefined;
  const promise = new Promise<never>((_, reject) => {
    fail = reject;
  });
  promise.catch(() => undefined);
  return { promise, fail };
}
