/**
 * What stands between those who enter jobs and the workers who do them. Two adapters fill it, and one suite holds both to the same words:
 * the embedded one needs no server, the other one is NATS JetStream.
 */
import type { JobRecord } from './job-record.js';
import type { UpdateJob } from './update-job.js';

/** Every call rejects with a `WorkError`; `server-unreachable` leaves open whether it took effect. */
export interface UpdateWork {
  readonly queue: WorkQueue;
  readonly states: JobStates;
  readonly packages: PackageStore;
  /** Jobs in hand go back to the queue when their lease ends. */
  close(): Promise<void>;
}

/** Delivers each job at least once. */
export interface WorkQueue {
  /** `there`: a job of the same campaign, device and hash is in the queue, and nothing was put. */
  put(job: UpdateJob, round: number): Promise<'entered' | 'there'>;
  /** The next job for a site, or undefined when none came in time. It is leased to the caller. */
  take(site: string, waitMs: number): Promise<Delivery | undefined>;
  /** Jobs of a site that nobody has finished, in hand or not. */
  left(site: string): Promise<number>;
}

/** One job in hand, until its lease ends. */
export interface Delivery {
  readonly job: UpdateJob;
  readonly round: number;
  /** From 1; above it, somebody had it in hand before. */
  readonly attempt: number;
  readonly leaseMs: number;
  /** On return the lease has at least `leaseMs` from the time of this call. */
  extend(): Promise<void>;
  /** The job leaves the queue for good. Call it only once its record is final. */
  done(): Promise<void>;
  /** Somebody may take it after `delayMs`. A request without an answer: if it is lost, the lease does the same. */
  later(delayMs: number): void;
}

export interface Held {
  readonly record: JobRecord;
  /** Names this very write of it. */
  readonly revision: number;
}

/** One record for each job, written by compare-and-set only. */
export interface JobStates {
  read(key: string): Promise<Held | undefined>;
  /** The new revision; undefined when there is a record already. */
  create(key: string, record: JobRecord): Promise<number | undefined>;
  /** The new revision; undefined when somebody wrote since `revision`. */
  update(key: string, record: JobRecord, revision: number): Promise<number | undefined>;
  /** All records of a campaign, or of all; in no order. */
  list(campaignId?: string): AsyncIterable<JobRecord>;
}

/** Packages by their SHA-256. */
export interface PackageStore {
  /** The digest in hex. What is there already is not sent again. */
  put(octets: Uint8Array): Promise<string>;
  /** Exactly the octets of that digest. Rejects with `package-missing`, `package-digest`. */
  get(digest: string): Promise<Uint8Array>;
}
