import { statSync } from 'node:fs';
import { extname } from 'node:path';
import {
  endsAsCsv,
  isAsExpected,
  runFleet,
  type FleetOptions,
  type FleetReport,
  type FleetRun,
  type MeterEnd,
} from '@smets1/fleet';
import { nodeCrypto } from '@smets1/host';
import {
  concat,
  equalOctets,
  PACKAGE_BYTES_MAX,
  readContainer,
  runTask,
  SIGNATURE_BYTES,
  verifyPackage,
  type Fault,
  type JoinFault,
} from '@smets1/protocol';
import { CliError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { readInput } from '../files/input-file.js';
import { checkOutput, writeOutput } from '../files/output-file.js';
import type { TrustedKeyFile } from '../flags/values.js';
import { publicKeyPath } from '../keys/key-folder.js';
import { ENDS_SHOWN_MAX } from '../limits.js';
import { counted, duration, rows, versionText } from '../output/style.js';
import { failed, type CommonFlags, type Finish, type Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { loadTrust } from '../trust.js';
import { notSound } from '../verdict.js';

export interface FleetRunFlags extends CommonFlags {
  readonly meters: number;
  readonly package: string;
  readonly trust?: readonly TrustedKeyFile[];
  /** From 0 to 1. */
  readonly faults: number;
  readonly seed: number;
  readonly profile?: string;
  readonly workers?: number;
  readonly out?: string;
  readonly force: boolean;
}

/** Thousands of meters take a package. */
export async function fleetRun(job: Job, flags: FleetRunFlags): Promise<Finish> {
  const { meters, faults: faultRate, seed, profile, workers, force } = flags;
  const path = pathFrom(job.shell, flags.package);
  const out = flags.out === undefined ? undefined : pathFrom(job.shell, flags.out);
  if (out !== undefined) checkOut(out, force, path);
  const octets = readInput(path, 'the package', PACKAGE_BYTES_MAX);
  const release = flags.trust === undefined ? signedAnew(octets) : underKeys(job, flags.trust, octets);
  if ('code' in release) return notSound(flags.package, release);
  const isSignedAnew = flags.trust === undefined;
  if (isSignedAnew)
    job.report.warn(
      'no --trust: the image of the package is signed anew, by keys of this fleet, and those are trusted',
    );
  const signal = job.shell.interruption();
  const onEnds = progressOf(job, meters);
  const run = await runFleet({
    meters,
    seed,
    faultRate,
    release,
    signal,
    onEnds,
    ...(profile === undefined ? {} : { profile }),
    ...(workers === undefined ? {} : { workers }),
  });
  if (out !== undefined) writeOutput(out, new TextEncoder().encode(textOf(out, run)), { force });
  return finishOf(run, { isSignedAnew, out });
}

function checkOut(path: string, force: boolean, input: string): void {
  if (!['.csv', '.json'].includes(extname(path)))
    throw new CliError('usage', `--out ${path}: the name says what is written; let it end with .csv or .json`);
  checkOutput(path, { force }, input);
}

type Release = FleetOptions['release'];

function underKeys(job: Job, trust: readonly TrustedKeyFile[], packageOctets: Uint8Array): Release | Fault<JoinFault> {
  const files = trust.flatMap((file) => {
    const path = pathFrom(job.shell, file.path);
    if (file.role !== 'bench' || statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [file];
    return (['manufacturer', 'supplier'] as const).map((role) => ({ role, path: publicKeyPath(path, role) }));
  });
  const keys = loadTrust(job, files, ['manufacturer', 'supplier']);
  const checked = runTask(verifyPackage(packageOctets, keys), nodeCrypto());
  const { manufacturer, supplier } = keys;
  if (!checked.ok) return checked.fault;
  return { packageOctets, trust: { manufacturer, supplier } };
}

/** The Manufacturer Image of a package whose signers are not known, when it is the one that the package names. */
function signedAnew(packageOctets: Uint8Array): Release | Fault<JoinFault> {
  const read = readContainer(packageOctets);
  if (!read.ok) return read.fault;
  const { kind, manifest, blocks } = read.value;
  if (kind !== 'package')
    return { code: 'unknownKind', detail: 'this is a part; join all parts with `smets1 package join`' };
  const firmware = concat(...blocks.map((block) => block.subarray(0, -SIGNATURE_BYTES)));
  if (!equalOctets(nodeCrypto().sha256([firmware]), manifest.imageHash))
    return { code: 'imageHashMismatch', detail: 'the blocks do not make the image that the manifest names' };
  return { firmware, fields: manifest };
}

function progressOf(job: Job, meters: number): (ends: readonly MeterEnd[]) => void {
  let done = 0;
  let astray = 0;
  let percentTold = -1;
  return (ends) => {
    done += ends.length;
    astray += ends.filter(({ asExpected }) => !asExpected).length;
    const percent = Math.floor((100 * done) / meters);
    if (job.report.isJson && percent === percentTold) return;
    percentTold = percent;
    const label = astray === 0 ? 'updating' : `updating, ${astray} not as expected`;
    job.report.progress({ label, doneMeters: done, totalMeters: meters }, { notAsExpected: astray });
  };
}

function textOf(path: string, { report, ends, slots }: FleetRun): string {
  if (extname(path) === '.csv') return endsAsCsv(ends);
  return `${JSON.stringify({ report, ends, slots }, undefined, 1)}\n`;
}

function finishOf({ report, ends, pace }: FleetRun, more: { isSignedAnew: boolean; out: string | undefined }): Finish {
  const fields = { ...report, fileVersion: versionText(report.fileVersion), ...more, pace };
  const text = `${summaryOf(report, pace)}${more.out === undefined ? '' : `\nends        ${more.out}`}`;
  if (isAsExpected(report)) return { ok: true, fields, text };
  const astray = ends.filter(({ asExpected }) => !asExpected);
  const named = astray
    .slice(0, ENDS_SHOWN_MAX)
    .map(
      ({ deviceId, fault, outcome, runs }) =>
        `${deviceId} (fault: ${fault}) ended with ${outcome}, runs the ${runs} firmware`,
    );
  const { hashed, asExpected } = report.slots;
  const cause = `${astray.length} of ${report.meters} meters and ${hashed - asExpected} of ${hashed} slots are not as they must be`;
  return failed(EXIT['some-not-done'], [cause, ...named, text].join('\n'), {
    fields: { ...fields, notAsExpected: astray.slice(0, ENDS_SHOWN_MAX) },
    wayOut: '--out ends.csv writes down how every meter ended; the same --seed repeats it',
  });
}

function summaryOf(report: FleetReport, pace: FleetRun['pace']): string {
  const { meters, seed, imageBytes, imageHash, activated, asExpected, faults, slots } = report;
  const fault = (name: keyof FleetReport['faults'], end: string): string =>
    `${counted(faults[name].meters)} meters, ${counted(faults[name].asExpected)} ${end}`;
  const { signaturesAsked, signaturesMade, hashesAsked, hashesMade } = pace.checks;
  return rows([
    ['fleet', `${counted(meters)} meters, seed ${Number.parseInt(seed, 16)}`],
    ['image', `${counted(imageBytes)} octets, SHA-256 ${imageHash}`],
    ['activated', `${counted(activated)} meters run it, confirmed and attested`],
    ['spoilt', fault('spoilt-octet', 'refused the octet and kept what they ran')],
    ['foreign', fault('foreign-signature', 'refused the signer and kept what they ran')],
    ['power cut', fault('power-cut', 'lost their power meanwhile and run the image')],
    ['right end', `${counted(asExpected)} of ${counted(meters)} meters`],
    ['slots', `${slots.asExpected} of ${slots.hashed} hold what they must, read from flash and hashed from outside`],
    [
      'pace',
      `${pace.imagesPerSecond.toFixed(1)} images/s for ${duration(pace.updateMs)} on ${pace.workers} workers, which would hash ${pace.hashedPerSecond.toFixed(0)} images/s and do nothing else: ${pace.floorRatio.toFixed(1)} times the floor`,
    ],
    ['memory', `${(pace.residentBytesMax / 2 ** 30).toFixed(2)} GiB resident at most`],
    [
      'checks',
      `${counted(signaturesAsked)} signatures asked for, ${counted(signaturesMade)} made; ${counted(hashesAsked)} hashes of images, ${counted(hashesMade)} made; the others were of equal octets`,
    ],
  ]);
}
