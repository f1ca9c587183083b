/** What the requests look like on the wire: JSON, octets as base64, nothing beyond what is named. */
import {
  AUTHORISATION_UNCOUNTERSIGNED_BYTES,
  fromHex,
  HASH_BYTES,
  parseDeviceId,
  PART_BYTES_MAX,
  toHex,
} from '@smets1/protocol';
import * as v from 'valibot';
import { accept, refuse } from '../error.js';
import type { Answer } from '../error.js';
import { canonicalDeviceId, parseRequestId } from '../identifiers.js';
import { parseDay } from '../ledger/day.js';
import type { CapacityChange, Schedule } from '../ledger/ledger.js';
import { DEVICES_PER_IMAGE_MAX, INCIDENT_PRIORITY_MAX, REFERENCE_LENGTH_MAX } from '../limits.js';
import type { Activation } from '../s1sp/admission.js';
import type { Part } from '../store/intake.js';
import type { IncidentPut } from './capacity-puts.js';

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
const REFERENCE = v.pipe(
  v.string(),
  v.maxLength(REFERENCE_LENGTH_MAX),
  v.regex(/^[A-Za-z0-9](?:[A-Za-z0-9 ._/#-]*[A-Za-z0-9])?$/, 'is no reference, as in BULK-2030/17'),
);
const COUNT = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const SCHEDULE = v.strictObject({
  reference: REFERENCE,
  userId: v.string(),
  /** Days as in 2030-01-31, both included. */
  from: v.string(),
  to: v.string(),
  /** 0 withdraws it. */
  perDay: COUNT,
});
const CHANGE = v.strictObject({
  reference: REFERENCE,
  from: v.string(),
  perDay: COUNT,
  otherTraffic: v.optional(COUNT, 0),
});
const INCIDENT = v.variant('state', [
  v.strictObject({
    reference: REFERENCE,
    state: v.literal('open'),
    firmwareHash: v.string(),
    priority: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(INCIDENT_PRIORITY_MAX)),
    halts: v.boolean(),
  }),
  v.strictObject({ reference: REFERENCE, state: v.literal('closed') }),
]);
const DAY = v.strictObject({ day: v.string() });

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
  const firmwareHash = hashOf(body.value.firmwareHash);
  if (!firmwareHash.ok) return firmwareHash;
  const asked = { ...who.value, firmwareHash: firmwareHash.value, authorisation: octetsOf(body.value.authorisation) };
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

export function scheduleOfBody(json: unknown): Answer<Omit<Schedule, 'atMs'>> {
  const body = check(SCHEDULE, json);
  if (!body.ok) return body;
  const { reference, perDay } = body.value;
  const userId = canonicalDeviceId(body.value.userId);
  if (userId === undefined) return refuse('bad-request', 'userId: is not eight pairs of hex digits with dashes');
  const fromDay = dayOf('from', body.value.from);
  if (!fromDay.ok) return fromDay;
  const toDay = dayOf('to', body.value.to);
  return toDay.ok ? accept({ reference, userId, fromDay: fromDay.value, toDay: toDay.value, perDay }) : toDay;
}

export function changeOfBody(json: unknown): Answer<Omit<CapacityChange, 'atMs'>> {
  const body = check(CHANGE, json);
  if (!body.ok) return body;
  const { from, ...rest } = body.value;
  const fromDay = dayOf('from', from);
  return fromDay.ok ? accept({ ...rest, fromDay: fromDay.value }) : fromDay;
}

export function incidentOfBody(json: unknown): Answer<IncidentPut> {
  const body = check(INCIDENT, json);
  if (!body.ok) return body;
  if (body.value.state === 'closed') return accept(body.value);
  const hash = hashOf(body.value.firmwareHash);
  return hash.ok ? accept({ ...body.value, firmwareHash: toHex(hash.value) }) : hash;
}

export function dayOfBody(json: unknown): Answer<number> {
  const body = check(DAY, json);
  return body.ok ? dayOf('day', body.value.day) : body;
}

/** The day of the query, or `otherwise` when it is not there. */
export function dayOfQuery(query: ReadonlyMap<string, string>, otherwise: number): Answer<number> {
  const text = query.get('day');
  return text === undefined ? accept(otherwise) : dayOf('day', text);
}

function dayOf(name: string, text: string): Answer<number> {
  const day = parseDay(text);
  return day === undefined ? refuse('bad-request', `${name}: is not a day, as in 2030-01-31`) : accept(day);
}

function hashOf(text: string): Answer<Uint8Array> {
  const octets = fromHex(text);
  return octets?.length !== HASH_BYTES || /\s/.test(text)
    ? refuse('bad-request', `firmwareHash: is not ${HASH_BYTES * 2} hex digits`)
    : accept(octets);
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
