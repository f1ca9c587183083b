import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dcoClient, inventoryOf, startDco, type Dco, type DcoClient, type EntryRecord } from '@smets1/dco';
import { openLink } from '@smets1/hardware';
import { loadPrivateKey } from '@smets1/host';
import { formatDeviceId, isLargeImage, LARGE_IMAGE_BYTES } from '@smets1/protocol';
import { DCC_ID, requestIdOf } from '../dco/request-id.js';
import { finishOfEntry, untilAnswered } from '../dco/wait.js';
import { buildRelease, DEMO_ORIGINATOR, DEMO_VERSION, type DemoRelease } from '../demo/bench.js';
import { chooseFirmware, type Firmware } from '../demo/firmware.js';
import { activeImageOf, openMeterSite, type LinkKind, type MeterSite } from '../demo/meter-site.js';
import { pictureOn, type Picture } from '../demo/picture.js';
import { CliError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { makeFolder, writeOutput } from '../files/output-file.js';
import { makeKeyFolder, privateKeyPath, publicKeyPath } from '../keys/key-folder.js';
import { meterKeys } from '../meter/meter-keys.js';
import { profileFor } from '../meter/profile.js';
import { counted, hex, rows, versionText } from '../output/style.js';
import { failed, type CommonFlags, type Finish, type Job } from '../run-command.js';
import { pathFrom } from '../shell.js';

export interface DemoFlags extends CommonFlags {
  readonly link: LinkKind;
  readonly keep?: string;
  readonly rate?: number;
}

/** The main job from end to end, with keys, a DCO and a virtual meter of its own. */
export async function demo(job: Job, flags: DemoFlags, path?: string): Promise<Finish> {
  const signal = job.shell.interruption();
  const firmware = chooseFirmware(path === undefined ? undefined : pathFrom(job.shell, path));
  const folder = workFolder(flags.keep === undefined ? undefined : pathFrom(job.shell, flags.keep));
  const closing: (() => Promise<void>)[] = [];
  try {
    return await new Demo(job, flags, signal, firmware, folder, closing).run();
  } finally {
    for (const close of closing.toReversed()) await close();
    if (flags.keep === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

class Demo {
  readonly #job: Job;
  readonly #flags: DemoFlags;
  readonly #signal: AbortSignal;
  readonly #firmware: Firmware;
  readonly #folder: string;
  readonly #closing: (() => Promise<void>)[];
  readonly #picture: Picture;
  readonly #profile;

  constructor(job: Job, flags: DemoFlags, signal: AbortSignal, firmware: Firmware, folder: string, closing: (() => Promise<void>)[]) {
    this.#job = job;
    this.#flags = flags;
    this.#signal = signal;
    this.#firmware = firmware;
    this.#folder = folder;
    this.#closing = closing;
    this.#picture = pictureOn(job.report);
    this.#profile = profileFor(firmware.octets.length);
  }

  async run(): Promise<Finish> {
    const release = this.#prepare();
    const site = await this.#openMeter();
    const { dco, client } = await this.#openDco(site, release);
    void dco;
    return this.#flags && site && client ? failed(EXIT.defect, 'x') : failed(EXIT.defect, 'x');
  }
}
