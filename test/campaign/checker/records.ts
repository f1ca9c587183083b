/** The records of a journal as `packages/campaign/docs/JOURNAL.md` draws them, and what makes a line no record. */
import type { Command } from './input.js';
import { meterSetFault, type MeterSet } from './meter-set.js';

export interface Route {
  readonly route: number;
  readonly cohortId: string;
  readonly fromEntryId: string;
  readonly hops: readonly { readonly entryId: string; readonly imageHash: string; readonly large: boolean }[];
}

interface Stamp {
  readonly seq: number;
  readonly atMs: number;
}

export type JournalRecord = Stamp &
  (
    | { readonly kind: 'opened'; readonly inputDigest: string; readonly meters: number; readonly campaignId: string }
    | Requested
    | Commanded
    | RoomTold
    | Granted
    | Released
    | Outcomes
    | { readonly kind: 'gave-up'; readonly batch: number; readonly meters: MeterSet }
    | { readonly kind: 'expired'; readonly reason: string; readonly meters: MeterSet }
    | { readonly kind: 'phase-begun'; readonly requestId: string; readonly phase: number }
    | SafetyTested
    | Stopped
    | Noticed
    | { readonly kind: 'ended' }
  );

export interface Requested {
  readonly kind: 'requested';
  readonly requestId: string;
  readonly outcome: 'accepted' | 'refused';
  readonly refusal?: { readonly code: string };
  readonly routes: readonly Route[];
  readonly withoutPath: readonly { readonly cohortId: string }[];
  readonly schedule?: unknown;
}

export interface Commanded {
  readonly kind: 'commanded';
  readonly command: Command;
  readonly event?: number;
  readonly routes?: readonly { readonly replaces: number; readonly fresh?: Route; readonly after?: Route }[];
}

export interface RoomTold {
  readonly kind: 'room-told';
  readonly day: string;
  readonly images: number;
  readonly users: readonly { readonly userId: string; readonly images: number }[];
}

export interface Granted {
  readonly kind: 'granted';
  readonly day: string;
  readonly capacity: number;
  readonly otherTraffic: number;
  readonly started: number;
  readonly grants: readonly Grant[];
  readonly rescheduled: readonly Rescheduled[];
}

export interface Grant {
  readonly requestId: string;
  readonly userId: string;
  readonly ready: number;
  readonly limit: number;
  readonly images: number;
}

export interface Rescheduled {
  readonly requestId: string;
  readonly userId: string;
  readonly images: number;
  readonly because: string;
}

export interface Released {
  readonly kind: 'released';
  readonly batch: number;
  readonly requestId: string;
  readonly userId: string;
  readonly parts: readonly { readonly route: number; readonly hop: number; readonly meters: MeterSet }[];
}

export interface Outcomes {
  readonly kind: 'outcomes';
  readonly succeeded: MeterSet;
  readonly broken: readonly { readonly reason: string; readonly meters: MeterSet }[];
  readonly failed: readonly { readonly reason: string; readonly meters: MeterSet }[];
  readonly judged: readonly {
    readonly requestId: string;
    readonly failures: number;
    readonly successes: number;
    readonly rule: { readonly failures: number; readonly successes: number };
    readonly verdict: string;
  }[];
}

export interface SafetyTested {
  readonly kind: 'safety-tested';
  readonly requestId: string;
  readonly incidentId: string;
  readonly answered: number;
  readonly failures: number;
  readonly passed: boolean;
}

export interface Stopped {
  readonly kind: 'stopped';
  readonly requestId: string;
  readonly failures: number;
  readonly successes: number;
  readonly underWay: number;
}

export interface Noticed {
  readonly kind: 'noticed';
  readonly requestId: string;
  readonly severity: string;
  readonly releaseNotes: string;
  readonly activateFromMs: number;
}

const BREAK_REASONS: readonly string[] = ['no-answer', 'broken-off', 'not-sealed'];
const FAILURE_REASONS: readonly string[] = [
  'no-image-held',
  'hash-mismatch',
  'activation-failure',
  'reverted',
  'refused',
];
const EXPIRY_REASONS: readonly string[] = ['retries-spent', 'parked-too-long'];

/** What a value is that a record needs at one place; undefined: it is so. */
type Shape = (value: unknown, meters: number) => string | undefined;

const count: Shape = (value) => (Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : 'is no count');
const text: Shape = (value) => (typeof value === 'string' ? undefined : 'is no text');
const flag: Shape = (value) => (typeof value === 'boolean' ? undefined : 'is no boolean');
const anything: Shape = (value) => (value === undefined ? 'is missing' : undefined);
const moment: Shape = (value) => (Number.isSafeInteger(value) ? undefined : 'is no moment');
const someMeters: Shape = (value, meters) =>
  meterSetFault(value, meters) ?? ((value as unknown[]).length === 0 ? 'names no meter' : undefined);
const oneOf =
  (words: readonly string[]): Shape =>
  (value) =>
    words.includes(value as string) ? undefined : `is none of ${words.join(', ')}`;
const optional =
  (shape: Shape): Shape =>
  (value, meters) =>
    value === undefined ? undefined : shape(value, meters);
const list =
  (shape: Shape): Shape =>
  (value, meters) => {
    if (!Array.isArray(value)) return 'is no list';
    for (const [at, item] of (value as unknown[]).entries()) {
      const fault = shape(item, meters);
      if (fault !== undefined) return `[${at}] ${fault}`;
    }
    return undefined;
  };
const object =
  (keys: Readonly<Record<string, Shape>>): Shape =>
  (value, meters) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is no object';
    for (const key of Object.keys(value)) if (!Object.hasOwn(keys, key)) return `has an unknown key ${key}`;
    for (const [key, shape] of Object.entries(keys)) {
      const fault = shape((value as Record<string, unknown>)[key], meters);
      if (fault !== undefined) return `${key} ${fault}`;
    }
    return undefined;
  };

const route = object({
  route: count,
  cohortId: text,
  fromEntryId: text,
  hops: list(object({ entryId: text, imageHash: text, large: flag })),
});
const ruleState = object({ failures: count, successes: count, verdict: text });
const stamp = { seq: count, atMs: moment, kind: text };
const SHAPES: Readonly<Record<string, Shape>> = {
  opened: object({ ...stamp, format: count, campaignId: text, inputDigest: text, meters: count }),
  requested: object({
    ...stamp,
    requestId: text,
    outcome: oneOf(['accepted', 'refused']),
    refusal: optional(object({ code: text, message: text })),
    routes: list(route),
    withoutPath: list(object({ cohortId: text, proof: anything })),
    schedule: optional(anything),
  }),
  commanded: object({
    ...stamp,
    command: anything,
    event: optional(count),
    routes: optional(list(object({ replaces: count, fresh: optional(route), after: optional(route) }))),
  }),
  'room-told': object({ ...stamp, day: text, images: count, users: list(object({ userId: text, images: count })) }),
  granted: object({
    ...stamp,
    day: text,
    capacity: count,
    otherTraffic: count,
    started: count,
    grants: list(object({ requestId: text, userId: text, ready: count, limit: count, images: count })),
    rescheduled: list(object({ requestId: text, userId: text, images: count, because: oneOf(['halt', 'capacity']) })),
  }),
  released: object({
    ...stamp,
    batch: count,
    requestId: text,
    userId: text,
    parts: list(object({ route: count, hop: count, meters: someMeters })),
  }),
  outcomes: object({
    ...stamp,
    succeeded: meterSetFault,
    broken: list(object({ reason: oneOf(BREAK_REASONS), meters: someMeters })),
    failed: list(object({ reason: oneOf(FAILURE_REASONS), meters: someMeters })),
    judged: list(object({ requestId: text, failures: count, successes: count, rule: ruleState, verdict: text })),
  }),
  'gave-up': object({ ...stamp, batch: count, meters: someMeters }),
  expired: object({ ...stamp, reason: oneOf(EXPIRY_REASONS), meters: someMeters }),
  'phase-begun': object({ ...stamp, requestId: text, phase: count }),
  'safety-tested': object({
    ...stamp,
    requestId: text,
    incidentId: text,
    answered: count,
    failures: count,
    passed: flag,
  }),
  stopped: object({ ...stamp, requestId: text, failures: count, successes: count, underWay: count }),
  noticed: object({ ...stamp, requestId: text, severity: text, releaseNotes: text, activateFromMs: moment }),
  ended: object(stamp),
};

/** The record of one line, or why there is none. */
export function recordOf(line: string, meters: number): JournalRecord | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'is no JSON';
  }
  const kind = (value as { readonly kind?: unknown } | null)?.kind;
  const shape = typeof kind === 'string' && Object.hasOwn(SHAPES, kind) ? SHAPES[kind] : undefined;
  if (shape === undefined) return `has the unknown kind ${JSON.stringify(kind)}`;
  return shape(value, meters) ?? (value as JournalRecord);
}
