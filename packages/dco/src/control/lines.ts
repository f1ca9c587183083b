/** The lines between server and countersigner, read with the suspicion that any pipe deserves. */
import * as v from 'valibot';
import type {
  ControlConfiguration,
  CountersignatureAnswer,
  CountersignatureRequest,
  RevocationAnswer,
  RevocationRequest,
} from '../control-port.js';

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
const ID = v.pipe(v.number(), v.integer());
const REVOCATION = v.strictObject({ id: ID, revoke: BASE64 });
const REQUEST = v.strictObject({
  id: ID,
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

export type Question =
  | { readonly kind: 'countersign'; readonly id: number; readonly request: CountersignatureRequest }
  | { readonly kind: 'revoke'; readonly id: number; readonly request: RevocationRequest };

export function parseQuestion(line: string): Question {
  const asked = v.parse(v.union([REQUEST, REVOCATION]), JSON.parse(line));
  if ('revoke' in asked) return { kind: 'revoke', id: asked.id, request: { authorisation: octetsOf(asked.revoke) } };
  const { id, authorisation, ...rest } = asked;
  return { kind: 'countersign', id, request: { ...rest, authorisation: octetsOf(authorisation) } };
}

function octetsOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

export function encodeAnswer(id: number, answer: CountersignatureAnswer | RevocationAnswer): string {
  return JSON.stringify(
    answer.ok && 'authorisation' in answer
      ? { id, ok: true, authorisation: Buffer.from(answer.authorisation).toString('base64') }
      : { id, ...answer },
  );
}
