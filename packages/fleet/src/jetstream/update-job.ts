/** One update of one meter, as it travels through a queue. */
import { createHash } from 'node:crypto';
import { decodeAuthorisation, equalOctets, formatDeviceId, parseDeviceId, toHex } from '@smets1/protocol';
import * as v from 'valibot';
import { CAMPAIGN_ID_LENGTH_MAX, JOB_BYTES_MAX, SITE_LENGTH_MAX } from '../limits.js';
import { WorkError } from './error.js';
import { readPackage } from './read-package.js';

/** Campaign, device and hash say which job it is; the rest are its terms. */
export interface UpdateJob {
  /** Letters, digits, `_`, `-`. */
  readonly campaignId: string;
  /** Upper case with dashes. */
  readonly deviceId: string;
  /** Manufacturer Image Hash in hex, upper case. */
  readonly imageHash: string;
  /** SHA-256 of the package file, likewise: its name in the package store. */
  readonly packageDigest: string;
  /** Supplier's signature and countersignature, 232 octets in base64. It names this device and this hash. */
  readonly authorisation: string;
  /** The place whose workers reach this meter. Letters, digits, `_`, `-`. */
  readonly site: string;
}

export interface JobWish {
  readonly campaignId: string;
  readonly site: string;
  readonly packageOctets: Uint8Array;
  /** Device and image are taken from here. */
  readonly authorisation: Uint8Array;
}

const NAME = (lengthMax: number): v.GenericSchema<string> =>
  v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]+$/), v.maxLength(lengthMax));
const HASH = v.pipe(v.string(), v.regex(/^[0-9A-F]{64}$/));

export const JOB_SCHEMA: v.GenericSchema<UpdateJob> = v.strictObject({
  campaignId: NAME(CAMPAIGN_ID_LENGTH_MAX),
  deviceId: v.pipe(
    v.string(),
    v.check((text) => canonical(text) === text, 'is no device id in upper case with dashes'),
  ),
  imageHash: HASH,
  packageDigest: HASH,
  authorisation: v.pipe(v.string(), v.base64()),
  site: NAME(SITE_LENGTH_MAX),
});

/**
 * @throws {@link WorkError} `misuse`: a name with other characters, an authorisation that is none, is not countersigned or is for another
 * image; `package-format`: no whole package.
 */
export function updateJobOf({ campaignId, site, packageOctets, authorisation }: JobWish): UpdateJob {
  const image = readPackage(packageOctets);
  const decoded = decodeAuthorisation(authorisation);
  if (!decoded.ok) throw new WorkError('misuse', `no authorisation: ${decoded.fault.detail}`);
  const permitted = decoded.value;
  const deviceId = formatDeviceId(permitted.deviceId);
  if (!permitted.countersigned)
    throw new WorkError('misuse', `the authorisation for ${deviceId} is not countersigned, and a meter takes no other`);
  if (!equalOctets(permitted.manifestDigest, image.manifestDigest))
    throw new WorkError('misuse', `the authorisation for ${deviceId} is for another image than this package`);
  const job: UpdateJob = {
    campaignId,
    deviceId,
    imageHash: toHex(image.manifest.imageHash),
    packageDigest: packageDigest(packageOctets),
    authorisation: Buffer.from(authorisation).toString('base64'),
    site,
  };
  const checked = jobFrom(job);
  if (!checked.ok) throw new WorkError('misuse', checked.detail);
  return checked.job;
}

/** SHA-256 in hex, upper case. */
export function packageDigest(octets: Uint8Array): string {
  return toHex(createHash('sha256').update(octets).digest());
}

/** `campaign.device.hash`: one update, however often it is asked for. */
export function jobKey({ campaignId, deviceId, imageHash }: UpdateJob): string {
  return `${campaignId}.${deviceId}.${imageHash}`;
}

export function authorisationOctets(job: UpdateJob): Uint8Array {
  return new Uint8Array(Buffer.from(job.authorisation, 'base64'));
}

/** Whether both ask for the same with the same permission. */
export function sameTerms(one: UpdateJob, other: UpdateJob): boolean {
  return (
    jobKey(one) === jobKey(other) &&
    one.packageDigest === other.packageDigest &&
    one.authorisation === other.authorisation &&
    one.site === other.site
  );
}

export type JobRead =
  | { readonly ok: true; readonly job: UpdateJob; readonly round: number }
  | { readonly ok: false; readonly detail: string };

const MESSAGE = v.strictObject({ job: JOB_SCHEMA, round: v.pipe(v.number(), v.integer(), v.minValue(0)) });

/** A job as a message; `round` counts how often it was entered again after it had failed. */
export function encodeJob(job: UpdateJob, round: number): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ job, round }));
}

/** What a queue brought. Anybody may have put it there, so it is checked like anything from outside. */
export function decodeJob(octets: Uint8Array): JobRead {
  if (octets.length > JOB_BYTES_MAX) return { ok: false, detail: `a job has at most ${JOB_BYTES_MAX} octets` };
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(octets));
  } catch {
    return { ok: false, detail: 'the job is no JSON' };
  }
  const read = v.safeParse(MESSAGE, json);
  if (!read.success) return { ok: false, detail: `the job is none: ${issueOf(read.issues[0])}` };
  const checked = jobFrom(read.output.job);
  return checked.ok ? { ...checked, round: read.output.round } : checked;
}

function jobFrom(
  value: unknown,
): { readonly ok: true; readonly job: UpdateJob } | { readonly ok: false; readonly detail: string } {
  const read = v.safeParse(JOB_SCHEMA, value);
  if (!read.success) return { ok: false, detail: `the job is none: ${issueOf(read.issues[0])}` };
  const job = read.output;
  const decoded = decodeAuthorisation(authorisationOctets(job));
  if (!decoded.ok) return { ok: false, detail: `the job has no authorisation: ${decoded.fault.detail}` };
  const { deviceId, imageHash, countersigned } = decoded.value;
  if (!countersigned || formatDeviceId(deviceId) !== job.deviceId || toHex(imageHash) !== job.imageHash)
    return { ok: false, detail: 'the authorisation of the job is for something else' };
  return { ok: true, job };
}

function issueOf(issue: v.BaseIssue<unknown>): string {
  return `${v.getDotPath(issue) ?? 'it'}: ${issue.message}`;
}

function canonical(text: string): string | undefined {
  const octets = parseDeviceId(text);
  return octets === undefined ? undefined : formatDeviceId(octets);
}
