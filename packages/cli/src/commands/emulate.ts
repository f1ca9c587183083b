import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureTokenFile } from '@smets1/dco';
import { readIdentity } from '@smets1/emulator';
import type { ListenAddress } from '@smets1/hardware';
import { crc32, formatDeviceId } from '@smets1/protocol';
import { openConsole, type Console } from '../console/console.js';
import { openControl, type ControlServer } from '../control/control-server.js';
import { readFaultScript } from '../control/script.js';
import { CliError } from '../errors.js';
import { readToken } from '../files/token-file.js';
import { isLoopback, type TrustedKeyFile } from '../flags/values.js';
import { SEED_MAX } from '../limits.js';
import { virtualClock, wallClock, type BenchClock } from '../meter/bench-clock.js';
import { benchEvents, type BenchEvent } from '../meter/bench-events.js';
import { MAIN, openBench, type Bench } from '../meter/bench.js';
import { loadOf, readLoad, type LoadWish } from '../meter/load.js';
import { meterKeys, type MeterKeys } from '../meter/meter-keys.js';
import { printedProfile, readProfile } from '../meter/profile.js';
import { rows, versionText } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { pathFrom, untilInterrupted } from '../shell.js';

export interface EmulateFlags extends CommonFlags {
  readonly profile?: string;
  readonly printProfile?: string;
  readonly flash?: string;
  readonly ws?: ListenAddress;
  readonly serial?: string;
  readonly seed?: number;
  readonly trust?: readonly TrustedKeyFile[];
  readonly deviceKey?: string;
  readonly tokenFile?: string;
  readonly load?: LoadWish;
  readonly loadCsv?: string;
  readonly clock: BenchClock['kind'];
  /** Seconds since 1970. */
  readonly start?: number;
  readonly faults?: string;
  readonly control?: ListenAddress;
  readonly controlTokenFile?: string;
  readonly meters?: number;
  readonly inventory?: string;
  readonly folder?: string;
  readonly force: boolean;
}

const LOOPBACK: ListenAddress = { host: '127.0.0.1', port: 0 };

/** A virtual meter that runs until it is told to stop. */
export async function emulate(job: Job, flags: EmulateFlags): Promise<Finish> {
  if (flags.printProfile !== undefined) return printProfile(flags.printProfile);
  if (flags.meters !== undefined) {
    const { emulateMany } = await import('./emulate-many.js');
    return await emulateMany(job, flags, flags.meters);
  }
  if (flags.inventory !== undefined || flags.folder !== undefined)
    throw new CliError('usage', '--inventory and --folder are of no use without --meters N');
  const interrupted = untilInterrupted(job.shell);
  const path = (given: string | undefined): string | undefined => given && pathFrom(job.shell, given);
  const flashPath = path(flags.flash);
  const token = flags.tokenFile === undefined ? undefined : readToken(pathFrom(job.shell, flags.tokenFile));
  checkFlags(flags, token);
  const profile = readProfile(flags.profile, (file) => pathFrom(job.shell, file));
  const faults = flags.faults === undefined ? [] : readFaultScript(pathFrom(job.shell, flags.faults));
  const seed = flags.seed ?? randomInt(SEED_MAX);
  const load =
    flags.loadCsv === undefined ? flags.load && loadOf(flags.load, seed) : readLoad(pathFrom(job.shell, flags.loadCsv));
  const keys = meterKeys({
    trust: (flags.trust ?? []).map(({ role, path: file }) => ({ role, path: pathFrom(job.shell, file) })),
    deviceKeyPath: path(flags.deviceKey),
    flashPath,
  });
  if (keys.isBench) job.report.warn('bench trust: one key stands for every role; never so on a meter that matters');
  const ended = untilEnd();
  const isPlain = flags.ws === undefined && flags.serial === undefined;
  const serial = flags.serial === undefined ? undefined : { path: pathFrom(job.shell, flags.serial) };
  const closing: (() => void | Promise<void>)[] = [];
  let lines: Console | undefined;
  // Keys of a meter that was in memory only are nobody's any more.
  if (keys.folder !== undefined && flashPath === undefined) closing.push(() => remove(keys.folder));
  try {
    const bench = await openBench({
      profile,
      seed,
      ...(load === undefined ? {} : { load }),
      flashPath,
      anchors: keys.anchors,
      deviceKey: keys.deviceKey,
      clock: flags.clock === 'virtual' ? virtualClock(flags.start) : wallClock(),
      events: benchEvents((event) => tellEvent(job, event, () => lines)),
      faults,
      ws: isPlain ? LOOPBACK : flags.ws,
      serial: isPlain ? 'auto' : serial,
      token,
      onFailure: ended.fail,
    });
    closing.push(async () => await bench.close());
    const control = flags.control === undefined ? undefined : await openControlAt(job, bench, flags, closing);
    sayReady(job, bench, { flashPath, keys: keys.folder, control });
    lines = await openConsole(job, bench, { onQuit: ended.end, onFailure: ended.fail });
    closing.push(() => lines?.close());
    await Promise.race([interrupted, ended.promise]);
  } finally {
    // eslint-disable-next-line no-await-in-loop -- the one opened last first
    for (const close of closing.toReversed()) await close();
  }
  return { ok: true, text: 'stopped' };
}

function printProfile(name: string): Finish {
  const text = printedProfile(name);
  return { ok: true, fields: { profile: JSON.parse(text) as unknown }, text };
}

/** @throws {@link CliError} `usage` */
export function checkListen(ws: ListenAddress | undefined, token: string | undefined): void {
  if (ws === undefined || isLoopback(ws.host) || token !== undefined) return;
  throw new CliError(
    'usage',
    `${ws.host} can be reached from other machines; add --token-file, or listen on 127.0.0.1`,
  );
}

function checkFlags(flags: EmulateFlags, token: string | undefined): void {
  checkListen(flags.ws, token);
  if (flags.control !== undefined && !isLoopback(flags.control.host)) {
    throw new CliError('usage', `--control listens on loopback only, not on ${flags.control.host}; use a tunnel`);
  }
  if (flags.control === undefined && flags.controlTokenFile !== undefined) {
    throw new CliError('usage', '--control-token-file is of no use without --control HOST:PORT');
  }
  if (flags.load !== undefined && flags.loadCsv !== undefined) {
    throw new CliError('usage', '--load and --load-csv both say what the home draws; give one of them');
  }
  if (flags.start !== undefined && flags.clock !== 'virtual') {
    throw new CliError('usage', '--start is where a virtual clock begins; add --clock virtual');
  }
}

interface Control extends ControlServer {
  readonly tokenFile: string;
}

async function openControlAt(
  job: Job,
  bench: Bench,
  { control, controlTokenFile }: EmulateFlags,
  closing: (() => void | Promise<void>)[],
): Promise<Control> {
  let tokenFile: string;
  if (controlTokenFile === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'smets1-control-'));
    closing.push(() => remove(folder));
    tokenFile = join(folder, 'token');
  } else {
    tokenFile = pathFrom(job.shell, controlTokenFile);
  }
  const server = await openControl({
    bench,
    listen: control ?? LOOPBACK,
    token: ensureTokenFile(tokenFile),
    report: (error) =>
      job.report.warn(`the control API failed: ${error instanceof Error ? error.message : String(error)}`),
  });
  closing.push(async () => await server.close());
  return { ...server, tokenFile };
}

function remove(folder: string | undefined): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}

/** Programs hear everything; people what happens once the meter is ready, which says the rest. */
function tellEvent(job: Job, { kind, meter, detail, fields }: BenchEvent, lines: () => Console | undefined): void {
  const who = meter === MAIN ? {} : { meter };
  const text = UNSAID.has(kind) ? undefined : `${meter === MAIN ? '' : `${meter}: `}${detailText(kind, detail)}`;
  const tell = (): void => job.report.event(kind, { ...who, detail, ...fields }, text);
  const open = lines();
  if (open !== undefined) open.around(tell);
  else job.report.event(kind, { ...who, detail, ...fields }, EARLY.has(kind) ? undefined : text);
}

/** What programs hear, and people know. */
const UNSAID: ReadonlySet<BenchEvent['kind']> = new Set(['power-on', 'clock']);
/** What the ready meter says itself. */
const EARLY: ReadonlySet<BenchEvent['kind']> = new Set(['start', 'power-on']);

function detailText(kind: BenchEvent['kind'], detail: string): string {
  return kind === 'attached' || kind === 'detached' || kind === 'no-serial' ? `${kind}: ${detail}` : detail;
}

interface Ready {
  readonly flashPath: string | undefined;
  readonly keys: MeterKeys['folder'];
  readonly control: Control | undefined;
}

function sayReady(job: Job, bench: Bench, { flashPath, keys, control }: Ready): void {
  const { meter, doors } = bench.station(MAIN);
  // A cut at its first start leaves it without power, and ready all the same.
  const view = meter.viewIfUp();
  const version = view && versionText(view.runningVersion);
  const name = formatDeviceId(readIdentity(meter.flash.fork(), crc32)!.eui64);
  job.report.event(
    'ready',
    {
      deviceId: name,
      ws: doors.wsUrl,
      serial: doors.serialUrl,
      seed: bench.seed,
      clock: bench.clock.kind,
      flash: flashPath,
      keys,
      isNew: meter.isNew,
      power: meter.power.state.kind,
      mode: view?.mode,
      bootEpoch: view?.bootEpoch,
      runningVersion: version,
      runningHash: view?.runningHash.toLowerCase(),
      securityCounter: view?.securityCounter,
      operations: meter.flash.operationCount,
      control: control?.url,
      controlTokenFile: control?.tokenFile,
      pid: process.pid,
    },
    rows([
      [
        'virtual meter',
        view === undefined ? `${name}, without power` : `${name}, runs ${version}, counter ${view.securityCounter}`,
      ],
      ['WebSocket', doors.wsUrl],
      ['serial', doors.serialUrl],
      ['control', control && `${control.url}, token in ${control.tokenFile}`],
      ['keys', keys === undefined ? undefined : `${keys} (made for this meter)`],
      ['flash', flashPath ?? 'in memory; --flash FILE keeps it'],
      ['clock', bench.clock.kind === 'virtual' ? 'virtual: it stands still until it is advanced' : undefined],
      ['seed', String(bench.seed)],
    ]),
  );
}

interface End {
  readonly promise: Promise<void>;
  readonly end: () => void;
  readonly fail: (error: unknown) => void;
}

/** A promise that `fail` rejects, also when nobody waits for it yet. */
function untilEnd(): End {
  let end: () => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  promise.catch(() => undefined);
  return { promise, end, fail };
}
