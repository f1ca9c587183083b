/** What the requests look like on the wire: JSON, octets as base64, nothing beyond what is named. */
import {
  AUTHORISATION_UNCOUNTERSIGNED_BYTES,
  fromHex,
  HASH_BYTES,
  parseDeviceId,
  PART_BYTES_MAX,
} from '@smets1/protocol';
import * as v from 'valibot';
import { accept, refuse } from '../error.js';
import type { Answer } from '../error.js';
import { canonicalDeviceId, parseRequestId } from '../identifiers.js';
import { DEVICES_PER_IMAGE_MAX } from '../limits.js';
import type { Activation } from '../s1sp/admission.js';
import type { Part } from '../store/intake.js';

const BASE64 = v.pipe(v.string(), v.base64('is not base64'));
const DATE = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,3})\d*)?Z$/;

const UPDATE = v.strictObject({
  requestId: v.string(),
  devices: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(DEVICES_PER_IMAGE_MAX)),
  part: v.pipe(BASE64, v.maxLength(Math.ceil(PART_BYTES_MAX / 3) * 4)),
});
const READ = v.strictObject({ requestId: v.string(), deviceId: v.string() });
const ACTIVATE = v.strictObject({
  requestId: v.string(),
  deviceId: v.string(),
  /** 64 hex digits. */
  firmwareHash: v.string(),
  /** xs:dateTime in UTC. */
  executionDateTime: v.optional(v.string()),
  authorisation: v.pipe(BASE64, v.maxLength(Math.ceil(AUTHORISATION_UNCOUNTERSIGNED_BYTES / 3) * 8)),
});
const ACKNOWLEDGE = v.strictObject({ upTo: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) });

export function partOfBody(json: unknown): Answer<Part> {
  const body = check(UPDATE, json);
  if (!body.ok) return body;
  const requestId = requestIdOf(body.value.requestId);
  if (!requestId.ok) return requestId;
  const devices: Uint8Array[] = [];
  for (const text of body.value.devices) {
    const octets = parseDeviceId(text);
    if (octets === undefined) return badDevice(text);
    devices.push(octets);
  }
  return accept({ requestId: requestId.value, devices, octets: octetsOf(body.value.part) });
}

export function readOfBody(json: unknown): Answer<{ readonly requestId: string; readonly deviceId: string }> {
  const body = check(READ, json);
  return body.ok ? identified(body.value) : body;
}

export function activationOfBody(json: unknown): Answer<Activation> {
  const body = check(ACTIVATE, json);
  if (!body.ok) return body;
  const who = identified(body.value);
  if (!who.ok) return who;
  const firmwareHash = fromHex(body.value.firmwareHash);
  if (firmwareHash?.length !== HASH_BYTES || /\s/.test(body.value.firmwareHash)) {
    return refuse('bad-request', `firmwareHash: is not ${HASH_BYTES * 2} hex digits`);
  }
  const asked = { ...who.value, firmwareHash, authorisation: octetsOf(body.value.authorisation) };
  const { executionDateTime } = body.value;
  if (executionDateTime === undefined) return accept(asked);
  const executionAtMs = dateOf(executionDateTime);
  if (executionAtMs === undefined)
    return refuse('bad-request', 'executionDateTime: is not a date in UTC, as in 2030-01-31T12:00:00.00Z');
  return accept({ ...asked, executionAtMs });
}

export function acknowledgementOfBody(json: unknown): Answer<number> {
  const body = check(ACKNOWLEDGE, json);
  return body.ok ? accept(body.value.upTo) : body;
}

/** A whole number of the query, or `otherwise` when it is not there. */
export function wholeOf(query: ReadonlyMap<string, string>, name: string, otherwise: number): Answer<number> {
  const text = query.get(name);
  if (text === undefined) return accept(otherwise);
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? accept(value) : refuse('bad-request', `${name}: is not a whole number`);
}

function identified(body: {
  readonly requestId: string;
  readonly deviceId: string;
}): Answer<{ readonly requestId: string; readonly deviceId: string }> {
  const requestId = requestIdOf(body.requestId);
  if (!requestId.ok) return requestId;
  const deviceId = canonicalDeviceId(body.deviceId);
  return deviceId === undefined ? badDevice(body.deviceId) : accept({ requestId: requestId.value, deviceId });
}

export function requestIdOf(text: string): Answer<string> {
  const requestId = parseRequestId(text);
  if (requestId !== undefined) return accept(requestId.text);
  return refuse(
    'bad-request-id',
    'requestId: is not originator:target:counter, as in 90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1',
  );
}

function check<S extends v.GenericSchema>(schema: S, json: unknown): Answer<v.InferOutput<S>> {
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return accept(parsed.output);
  const [issue] = parsed.issues;
  return refuse('bad-request', `${v.getDotPath(issue) ?? 'body'}: ${issue.message}`);
}

/** Milliseconds since 1970, for a date that the calendar has. */
function dateOf(text: string): number | undefined {
  const match = DATE.exec(text);
  if (match === null) return undefined;
  const [, seconds = '', fraction = ''] = match;
  const iso = `${seconds}.${fraction.padEnd(3, '0')}Z`;
  const atMs = Date.parse(iso);
  return Number.isNaN(atMs) || new Date(atMs).toISOString() !== iso ? undefined : atMs;
}

function badDevice(text: string): Answer<never> {
  return refuse('bad-device-id', `"${text.slice(0, 40)}" is no device id; write eight pairs of hex digits with dashes`);
}

function octetsOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}
