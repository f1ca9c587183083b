/** What is known of one job: the truth that every worker reads before it touches a meter, and writes only if nobody wrote meanwhile. */
import type { DeviceResult, EntryCode } from '@smets1/dco';
import * as v from 'valibot';
import { RECORD_BYTES_MAX } from '../limits.js';
import { WorkError } from './error.js';
import { JOB_SCHEMA, type UpdateJob } from './update-job.js';

export type JobState = 'waiting' | 'claimed' | 'done' | 'failed';

export interface JobFault {
  /** Of a conversation as the DCO names it, or of the queue. */
  readonly code: EntryCode | 'package-missing' | 'package-digest' | 'package-format';
  readonly message: string;
}

export interface JobRecord {
  readonly job: UpdateJob;
  readonly state: JobState;
  /** How often it was entered again after it had failed. */
  readonly round: number;
  /** How often a worker took it: whoever wrote an older number has lost it. */
  readonly claim: number;
  /** Conversations of this round that came to nothing. */
  readonly tries: number;
  /** Who has it, or had it last. */
  readonly worker?: string;
  /** When this was written, by the clock of who wrote it. Milliseconds since 1970. */
  readonly atMs: number;
  /** `done` only. */
  readonly what?: 'activated' | 'already-running' | 'sealed';
  /** What the meter signed last, when it did. */
  readonly device?: DeviceResult;
  /** Why it failed, or was put back the last time. */
  readonly fault?: JobFault;
}

/** Nothing more happens to it unless it is entered again. */
export function isFinal({ state }: JobRecord): boolean {
  return state === 'done' || state === 'failed';
}

export function waitingRecord(job: UpdateJob, round: number, atMs: number): JobRecord {
  return { job, state: 'waiting', round, claim: 0, tries: 0, atMs };
}

const COUNT = v.pipe(v.number(), v.integer(), v.minValue(0));

// What the meter said is for people and reports; no decision is made on it here, so its inner form is left to who wrote it.
const RECORD = v.strictObject({
  job: JOB_SCHEMA,
  state: v.picklist(['waiting', 'claimed', 'done', 'failed']),
  round: COUNT,
  claim: COUNT,
  tries: COUNT,
  worker: v.optional(v.string()),
  atMs: v.number(),
  what: v.optional(v.picklist(['activated', 'already-running', 'sealed'])),
  device: v.optional(v.looseObject({ deviceId: v.string() })),
  fault: v.optional(v.strictObject({ code: v.string(), message: v.string() })),
});

export function encodeRecord(record: JobRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(record));
}

/** @throws {@link WorkError} `record-format` */
export function decodeRecord(octets: Uint8Array, key: string): JobRecord {
  let json: unknown;
  try {
    if (octets.length > RECORD_BYTES_MAX) throw new RangeError(`it has more than ${RECORD_BYTES_MAX} octets`);
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(octets));
  } catch (cause) {
    throw unreadable(key, cause instanceof Error ? cause.message : '', cause);
  }
  const read = v.safeParse(RECORD, json);
  if (read.success) return read.output as JobRecord;
  const [issue] = read.issues;
  throw unreadable(key, `${v.getDotPath(issue) ?? 'it'}: ${issue.message}`, undefined);
}

function unreadable(key: string, why: string, cause: unknown): WorkError {
  return new WorkError(
    'record-format',
    `the record of job ${key} cannot be read (${why}); remove it, and enter the job again`,
    { cause },
  );
}
