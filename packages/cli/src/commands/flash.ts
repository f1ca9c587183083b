import { randomBytes } from 'node:crypto';
import { openLink, parseAddress } from '@smets1/hardware';
import { loadPublicKey, runSender } from '@smets1/host';
import type { SenderPlan } from '@smets1/protocol';
import { readToken } from '../files/token-file.js';
import type { TrustedKeyFile } from '../flags/values.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { finishOf, tellEvents } from '../send/send-report.js';
import { readAuthorisation, readSendable } from '../send/sendable.js';
import { pathFrom } from '../shell.js';
import { loadTrust } from '../trust.js';
import { notSound } from '../verdict.js';

/** How a meter is reached and known. */
export interface MeterFlags extends CommonFlags {
  readonly to: string;
  readonly deviceKey?: string;
  readonly deviceId?: Uint8Array;
  readonly tokenFile?: string;
  /** Seconds. */
  readonly reconnectS?: number;
}

export interface FlashFlags extends MeterFlags {
  readonly activate?: string;
  readonly replace: boolean;
  readonly rate?: number;
  readonly trust?: readonly TrustedKeyFile[];
}

/** Brings a package onto a meter, and activates it where an authorisation is given. Resumes what was begun. */
export async function flash(job: Job, flags: FlashFlags, path: string): Promise<Finish> {
  const trust = flags.trust === undefined ? undefined : loadTrust(job, flags.trust, ['manufacturer', 'supplier']);
  const image = readSendable(pathFrom(job.shell, path), trust);
  if (!image.ok) return notSound(path, image.fault);
  let authorisation: Uint8Array | undefined;
  if (flags.activate !== undefined) {
    const read = readAuthorisation(pathFrom(job.shell, flags.activate), image.value);
    if (!(read instanceof Uint8Array)) return read;
    authorisation = read;
  }
  return await runOnMeter(job, flags, {
    image: image.value,
    authorisation,
    replace: flags.replace,
    octetsPerSecond: flags.rate,
  });
}

/** Asks a meter for the version that it runs. */
export async function readVersion(job: Job, flags: MeterFlags): Promise<Finish> {
  return await runOnMeter(job, flags, {
    image: undefined,
    authorisation: undefined,
    replace: false,
    octetsPerSecond: undefined,
  });
}

type Wish = Omit<SenderPlan, 'deviceId' | 'random'>;

async function runOnMeter(job: Job, flags: MeterFlags, wish: Wish): Promise<Finish> {
  const address = parseAddress(flags.to);
  const token = flags.tokenFile === undefined ? {} : { token: readToken(pathFrom(job.shell, flags.tokenFile)) };
  const deviceKey =
    flags.deviceKey === undefined ? {} : { deviceKey: loadPublicKey(pathFrom(job.shell, flags.deviceKey)) };
  const plan: SenderPlan = { ...wish, deviceId: flags.deviceId, random: new Uint8Array(randomBytes(8)) };
  const report = await runSender({
    plan,
    openLink: async () => await openLink(address, token),
    ...deviceKey,
    ...(flags.reconnectS === undefined ? {} : { reconnectMs: flags.reconnectS * 1000 }),
    onEvent: tellEvents(job.report, plan),
    signal: job.shell.interruption(),
  });
  return finishOf(report, plan);
}
