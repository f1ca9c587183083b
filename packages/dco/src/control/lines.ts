/** The lines between server and countersigner, read with the suspicion that any pipe deserves. */
import * as v from 'valibot';
import type { ControlConfiguration, CountersignatureAnswer, CountersignatureRequest } from '../control-port.js';

const BASE64 = v.pipe(v.string(), v.base64());
const CONFIGURATION = v.strictObject({
  storeDirectory: v.string(),
  controlDirectory: v.string(),
  keyPath: v.string(),
  allowDemo: v.boolean(),
  manufacturerKeys: v.array(BASE64),
  supplierKeys: v.array(BASE64),
  policy: v.strictObject({
    users: v.optional(
      v.array(
        v.strictObject({ originator: v.string(), role: v.picklist(['IS', 'GS', 'ES', 'RSA', 'ED', 'GT', 'OU']) }),
      ),
    ),
    perHourMax: v.pipe(v.number(), v.integer(), v.minValue(0)),
    perDayMax: v.pipe(v.number(), v.integer(), v.minValue(0)),
    requireKnownVersion: v.boolean(),
  }),
});
const REQUEST = v.strictObject({
  id: v.pipe(v.number(), v.integer()),
  requestId: v.string(),
  deviceId: v.string(),
  firmwareHash: v.string(),
  authorisation: BASE64,
});

export function parseConfiguration(line: string): ControlConfiguration {
  const { policy, ...rest } = v.parse(CONFIGURATION, JSON.parse(line));
  const { users, ...thresholds } = policy;
  return { ...rest, policy: users === undefined ? thresholds : { ...thresholds, users } };
}

export function parseRequest(line: string): { readonly id: number; readonly request: CountersignatureRequest } {
  const { id, authorisation, ...rest } = v.parse(REQUEST, JSON.parse(line));
  return { id, request: { ...rest, authorisation: new Uint8Array(Buffer.from(authorisation, 'base64')) } };
}

export function encodeAnswer(id: number, answer: CountersignatureAnswer): string {
  return JSON.stringify(
    answer.ok
      ? { id, ok: true, authorisation: Buffer.from(answer.authorisation).toString('base64') }
      : { id, ...answer },
  );
}
