import { createHash, randomBytes, randomInt } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dcoClient, inventoryOf, startDco, type DcoClient, type EntryRecord } from '@smets1/dco';
import { openLink } from '@smets1/hardware';
import { formatDeviceId, isLargeImage, LARGE_IMAGE_BYTES } from '@smets1/protocol';
import { DCC_ID, requestIdOf } from '../dco/request-id.js';
import { finishOfEntry, untilAnswered } from '../dco/wait.js';
import { buildRelease, DEMO_ORIGINATOR, DEMO_VERSION, type DemoRelease } from '../demo/bench.js';
import { chooseFirmware, type Firmware } from '../demo/firmware.js';
import { activeImageOf, openMeterSite, type LinkKind, type MeterSite } from '../demo/meter-site.js';
import { pictureOn, type Picture } from '../demo/picture.js';
import { CliError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { messageOf } from '../files/input-file.js';
import { makeFolder, writeOutput } from '../files/output-file.js';
import { makeKeyFolder, privateKeyPath, publicKeyPath as publicKeyPathIn } from '../keys/key-folder.js';
import { SEED_MAX } from '../limits.js';
import { meterKeys } from '../meter/meter-keys.js';
import { profileFor, type MeterProfile } from '../meter/profile.js';
import { counted, hex, rows, versionText } from '../output/style.js';
import { failed, type CommonFlags, type Finish, type Job } from '../run-command.js';
import { pathFrom } from '../shell.js';

export interface DemoFlags extends CommonFlags {
  readonly link: LinkKind;
  readonly keep?: string;
  readonly rate?: number;
}

/** What every step of the demonstration shares. */
interface Stage {
  readonly job: Job;
  readonly flags: DemoFlags;
  readonly signal: AbortSignal;
  readonly firmware: Firmware;
  /** SHA-256 of the input, hex. */
  readonly inputHash: string;
  readonly folder: string;
  readonly profile: MeterProfile;
  readonly picture: Picture;
  /** What is to be closed at the end, in reverse. */
  readonly closing: (() => Promise<void>)[];
}

/** The main job from end to end, with keys, a DCO and a virtual meter of its own. */
export async function demo(job: Job, flags: DemoFlags, path?: string): Promise<Finish> {
  const signal = job.shell.interruption();
  const firmware = chooseFirmware(path === undefined ? undefined : pathFrom(job.shell, path));
  const folder = workFolder(flags.keep === undefined ? undefined : pathFrom(job.shell, flags.keep));
  const stage: Stage = {
    job,
    flags,
    signal,
    firmware,
    inputHash: sha256Hex(firmware.octets),
    folder,
    profile: profileFor(firmware.octets.length),
    picture: pictureOn(job.report),
    closing: [],
  };
  try {
    return await run(stage);
  } finally {
    // eslint-disable-next-line no-await-in-loop -- the one opened last first
    for (const close of stage.closing.toReversed()) await close();
    if (flags.keep === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

async function run(stage: Stage): Promise<Finish> {
  const release = prepare(stage);
  const site = await switchOnMeter(stage);
  const client = await startStore(stage, release, site);
  const held = await submit(stage, client, release);
  if (held.code !== 'success') return finishOfEntry(held, notExpected);
  const activated = await activate(stage, client, release, site);
  if (activated === undefined) return interrupted(stage);
  if (activated.code !== 'success') return finishOfEntry(activated, notExpected);
  const readAgain = await restartAndRead(stage, client, site);
  if (readAgain === undefined) return interrupted(stage);
  if (readAgain.code !== 'success') return finishOfEntry(readAgain, notExpected);
  await closeAll(stage);
  return compare(stage, release, readAgain);
}

function prepare({ firmware, folder, profile, picture, inputHash }: Stage): DemoRelease {
  makeKeyFolder(join(folder, 'keys'));
  const { octets, isSynthetic } = firmware;
  const fields = { name: firmware.name, bytes: octets.length, isSynthetic, hash: inputHash };
  picture.place('firmware', 'firmware', `${firmware.name}, ${counted(octets.length)} octets`, fields);
  picture.step('hash', `SHA-256 ${inputHash}`);
  const release = buildRelease(octets, join(folder, 'keys'), profile);
  const { otaImage, verified, parts } = release;
  const isLarge = isLargeImage(otaImage.length);
  const size = `${counted(otaImage.length)} octets, ${isLarge ? 'large' : `not large: ${counted(LARGE_IMAGE_BYTES)} or less`}`;
  picture.step('image', `OTA Upgrade Image, signed by the supplier: ${size}`, { bytes: otaImage.length, isLarge });
  const { blockCount, blockShift } = verified.manifest;
  const blocks = `${counted(blockCount)} blocks of ${counted(2 ** blockShift)} octets`;
  picture.step('package', `package: ${blocks}, each signed by the manufacturer`, {
    blockCount,
    blockBytes: 2 ** blockShift,
  });
  const sizes = parts.map(({ length }) => counted(length)).join(' and ');
  picture.step('parts', `${parts.length} ${parts.length === 1 ? 'part' : 'parts'}: ${sizes} octets`, {
    parts: parts.map(({ length }) => length),
  });
  writeOutput(join(folder, 'image.ota'), otaImage, { force: false });
  writeOutput(join(folder, 'package.s1pk'), release.package, { force: false });
  writeOutput(join(folder, 'activate.signed'), release.authorisation, { force: false });
  return release;
}

async function switchOnMeter(stage: Stage): Promise<MeterSite> {
  const { folder, profile, flags, closing, job } = stage;
  const keys = meterKeys({
    trust: [{ role: 'bench', path: join(folder, 'keys') }],
    deviceKeyPath: undefined,
    flashPath: undefined,
  });
  const site = await openMeterSite(flags.link, {
    profile,
    seed: randomInt(SEED_MAX),
    flashPath: join(folder, 'meter.flash'),
    anchors: keys.anchors,
    deviceKey: keys.deviceKey,
    onStart: ({ phase, bootEpoch, runningVersion }) => {
      const version = versionText(runningVersion);
      // The first start comes before the picture has reached the meter.
      const text = bootEpoch === 1 ? undefined : `   │ the meter starts ${version} (${phase})`;
      job.report.event('meter-start', { phase, bootEpoch, runningVersion: version }, text);
    },
    onFailure: (error) => job.report.warn(`the virtual meter stopped: ${messageOf(error)}`),
  });
  closing.push(async () => await site.close());
  return site;
}

async function startStore(stage: Stage, { trust }: DemoRelease, site: MeterSite): Promise<DcoClient> {
  const { folder, profile, flags, picture, closing, job } = stage;
  const deviceId = formatDeviceId(profile.deviceId);
  const publicKeyPath = publicKeyPathIn(join(folder, 'keys'), 'device');
  const token = randomBytes(32).toString('base64url');
  const dco = await startDco({
    directory: join(folder, 'store'),
    trust,
    inventory: inventoryOf(
      { devices: [{ deviceId, address: site.url, publicKeyPath }] },
      'of the demonstration',
      folder,
    ),
    links: { open: async () => await openLink(site.url) },
    control: { keyPath: privateKeyPath(join(folder, 'keys'), 'dco') },
    listen: { port: 0 },
    token,
    ...(flags.rate === undefined ? {} : { ratePerLink: flags.rate }),
    report: (error) => job.report.warn(`a defect of the DCO: ${messageOf(error)}`),
  });
  closing.push(async () => await dco.close());
  picture.place('dco', 'DCO', `${dco.url}, its countersigner in a process of its own`, { url: dco.url });
  return dcoClient({ url: dco.url, token });
}

/** The last part first: the order does not matter, and until all are there nobody is answered. */
async function submit({ profile, picture }: Stage, client: DcoClient, { parts }: DemoRelease): Promise<EntryRecord> {
  const devices = [formatDeviceId(profile.deviceId)];
  let requestId = '';
  for (const [i, part] of [...parts.entries()].toReversed()) {
    requestId = requestIdOf(DEMO_ORIGINATOR, DCC_ID, BigInt(i + 1));
    // eslint-disable-next-line no-await-in-loop -- one part after the other
    const { answered, heldBlocks, blockCount } = await client.submitPart({ requestId, devices, part });
    const said = answered ? 'the image is whole' : 'no response yet: the image is not whole';
    const text = `11.1 ─► part ${i + 1} of ${parts.length}, ${counted(heldBlocks)} of ${counted(blockCount)} blocks at rest; ${said}`;
    picture.step('part', text, { requestId, heldBlocks, blockCount, answered });
  }
  const { responses } = await client.responses();
  picture.step('responses', `11.1 ◄─ ${responses.length} ${responses.length === 1 ? 'response' : 'responses'}`, {
    requestIds: responses.map((response) => response.requestId),
  });
  const last = responses.at(-1);
  if (last === undefined) throw new TypeError(`the DCO holds the whole image and does not answer ${requestId}`);
  await client.acknowledge(last.number);
  return last;
}

async function activate(
  { profile, picture, signal }: Stage,
  client: DcoClient,
  { authorisation, verified }: DemoRelease,
  site: MeterSite,
): Promise<EntryRecord | undefined> {
  const deviceId = formatDeviceId(profile.deviceId);
  const before = versionText(site.meter.view().runningVersion);
  const requestId = requestIdOf(DEMO_ORIGINATOR, deviceId, 1n);
  await client.activate({ requestId, deviceId, firmwareHash: hex(verified.imageHash), authorisation });
  picture.step('activate', '11.3 ─► authorised by the supplier', { requestId });
  picture.place('meter', 'meter', `${deviceId} on ${site.url}, runs ${before}`, {
    deviceId,
    url: site.url,
    runningVersion: before,
  });
  const totalBytes = verified.blocks.reduce((sum, block) => sum + block.length, 0);
  const view = await untilAnswered({ client, requestId, report: picture.inset, signal, totalBytes });
  const entry = view?.responses.at(-1);
  if (entry?.code === 'success') {
    const version = entry.device?.firmwareVersion ?? '';
    picture.step('activated', `11.3 ◄─ verified, activated, booted, confirmed: runs ${version}, signed by the meter`, {
      runningVersion: version,
      attested: entry.device?.attested,
    });
  }
  return entry;
}

async function restartAndRead(
  { profile, picture, signal }: Stage,
  client: DcoClient,
  site: MeterSite,
): Promise<EntryRecord | undefined> {
  picture.place('restart', 'meter', 'off, and on again from its flash file');
  await site.restart();
  const deviceId = formatDeviceId(profile.deviceId);
  const requestId = requestIdOf(DEMO_ORIGINATOR, deviceId, 2n);
  await client.readVersion({ requestId, deviceId });
  const view = await untilAnswered({ client, requestId, report: picture.inset, signal, totalBytes: undefined });
  const entry = view?.responses.at(-1);
  if (entry?.code === 'success') {
    picture.step('read-version', `11.2 ◄─ runs ${entry.device?.firmwareVersion}, signed by the meter`, {
      runningVersion: entry.device?.firmwareVersion,
      attested: entry.device?.attested,
    });
  }
  return entry;
}

/** What the flash file boots from, beside what was put in at the top. */
function compare(
  { folder, inputHash, firmware, flags, picture }: Stage,
  { verified }: DemoRelease,
  entry: EntryRecord,
): Finish {
  const active = activeImageOf(join(folder, 'meter.flash'));
  const slotHash = active === undefined ? undefined : sha256Hex(active);
  const version = entry.device?.firmwareVersion;
  const fields = {
    hash: inputHash,
    slotHash,
    octetsWritten: firmware.octets.length,
    blockCount: verified.manifest.blockCount,
    runningVersion: version,
    attested: entry.device?.attested ?? false,
    isSynthetic: firmware.isSynthetic,
    link: flags.link,
    kept: flags.keep === undefined ? undefined : folder,
  };
  if (slotHash !== inputHash || version !== versionText(DEMO_VERSION)) {
    return failed(EXIT['verify-failed'], `the meter runs ${version} with image ${slotHash}, not what was put in`, {
      fields,
    });
  }
  picture.place('slot', 'flash', `SHA-256 of the active slot ${slotHash}`, { slotHash });
  return {
    ok: true,
    outcome: 'activated',
    fields,
    text: `\n${rows([
      ['done', `the meter runs ${version}; its active slot is the input, octet for octet`],
      ['kept', flags.keep === undefined ? undefined : `${folder}: keys, image, package, store, flash file`],
      ['next', 'smets1 --help shows each step as a command of its own'],
    ])}`,
  };
}

async function closeAll({ closing }: Stage): Promise<void> {
  // eslint-disable-next-line no-await-in-loop -- the one opened last first
  for (let close = closing.pop(); close !== undefined; close = closing.pop()) await close();
}

function interrupted({ flags }: Stage): Finish {
  return failed(EXIT.interrupted, 'the demonstration was interrupted', {
    wayOut: flags.keep === undefined ? 'run it again; nothing of it was kept' : 'remove the folder and run it again',
  });
}

function notExpected(entry: EntryRecord): never {
  throw new TypeError(`a response with code ${entry.code} is no failure`);
}

/** A folder of its own: what is in another one is not ours to mix with. */
function workFolder(keep: string | undefined): string {
  if (keep === undefined) return mkdtempSync(join(tmpdir(), 'smets1-demo-'));
  makeFolder(keep, 0o700);
  if (readdirSync(keep).length > 0)
    throw new CliError('file-exists', `${keep} is not empty; name a new folder for --keep`);
  return keep;
}

function sha256Hex(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex');
}
