/** The work queue in one process: in memory, or in a directory that survives any crash. Needs no server. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { nodeTime, type TimePort } from '@smets1/host';
import { nodeFiles, nodeProcesses, openJournal, type Journal } from '@smets1/journal';
import { LEASE_MS_DEFAULT } from '../limits.js';
import { folderPackages, memoryPackages } from './embedded-packages.js';
import { storageFailed, WorkError } from './error.js';
import { decodeRecord, encodeRecord, type JobRecord } from './job-record.js';
import { decodeJob, encodeJob, jobKey, type UpdateJob } from './update-job.js';
import type { Delivery, Held, JobStates, PackageStore, UpdateWork, WorkQueue } from './work-ports.js';

export interface EmbeddedWorkOptions {
  /** Where it lasts, for one process at a time; without it everything is gone with the process. */
  readonly directory?: string;
  /** {@link LEASE_MS_DEFAULT} */
  readonly leaseMs?: number;
  readonly time?: TimePort;
}

/** @throws {@link WorkError} `storage-failed`: the directory is another process's, or cannot be read */
export function embeddedWork(options: EmbeddedWorkOptions = {}): UpdateWork {
  return new EmbeddedWork(options);
}

interface Entry {
  readonly job: UpdateJob;
  readonly round: number;
  visibleAtMs: number;
  attempt: number;
}

/** What the journal holds: each change as it was made. */
const OP = { put: 1, done: 2, state: 3 } as const;

class EmbeddedWork implements UpdateWork {
  readonly queue: WorkQueue;
  readonly states: JobStates;
  readonly packages: PackageStore;
  readonly #time: TimePort;
  readonly #leaseMs: number;
  readonly #journal: Journal | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #records = new Map<string, Held>();
  readonly #waiting = new Set<() => void>();
  #revisions = 0;
  #isClosed = false;

  constructor({ directory, leaseMs, time }: EmbeddedWorkOptions) {
    this.#time = time ?? nodeTime();
    this.#leaseMs = leaseMs ?? LEASE_MS_DEFAULT;
    this.#journal = directory === undefined ? undefined : this.#replayed(directory);
    this.packages = directory === undefined ? memoryPackages() : folderPackages(join(directory, 'packages'));
    this.queue = {
      put: async (job, round) => await this.#put(job, round),
      take: async (site, waitMs) => await this.#take(site, waitMs),
      left: async (site) => {
        this.#assertOpen();
        return await Promise.resolve([...this.#entries.values()].filter(({ job }) => job.site === site).length);
      },
    };
    this.states = {
      read: async (key) => {
        this.#assertOpen();
        return await Promise.resolve(this.#records.get(key));
      },
      create: async (key, record) => await this.#write(key, record, undefined),
      update: async (key, record, revision) => await this.#write(key, record, revision),
      list: (campaignId) => this.#list(campaignId),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake();
    this.#journal?.close();
    await Promise.resolve();
  }

  async #put(job: UpdateJob, round: number): Promise<'entered' | 'there'> {
    const id = entryId(job, round);
    if (this.#entries.has(id)) return 'there';
    this.#entries.set(id, { job, round, visibleAtMs: 0, attempt: 0 });
    await this.#keep(OP.put, encodeJob(job, round));
    this.#wake();
    return 'entered';
  }

  async #take(site: string, waitMs: number): Promise<Delivery | undefined> {
    const untilMs = this.#time.nowMs() + waitMs;
    for (;;) {
      this.#assertOpen();
      const nowMs = this.#time.nowMs();
      const entries = [...this.#entries.values()].filter(({ job }) => job.site === site);
      const entry = entries.find(({ visibleAtMs }) => visibleAtMs <= nowMs);
      if (entry !== undefined) return this.#delivery(entry);
      if (nowMs >= untilMs) return undefined;
      await this.#changed(Math.min(untilMs, ...entries.map(({ visibleAtMs }) => visibleAtMs)) - nowMs);
    }
  }

  #delivery(entry: Entry): Delivery {
    const leased = (): void => {
      entry.visibleAtMs = this.#time.nowMs() + this.#leaseMs;
    };
    leased();
    entry.attempt += 1;
    const { job, round, attempt } = entry;
    const id = entryId(job, round);
    return {
      job,
      round,
      attempt,
      leaseMs: this.#leaseMs,
      extend: async () => {
        this.#assertOpen();
        if (entry.attempt === attempt) leased();
        await Promise.resolve();
      },
      done: async () => {
        if (this.#entries.delete(id)) await this.#keep(OP.done, encodeJob(job, round));
      },
      later: (delayMs) => {
        if (entry.attempt !== attempt) return;
        entry.visibleAtMs = this.#time.nowMs() + delayMs;
        this.#wake();
      },
    };
  }

  async #write(key: string, record: JobRecord, over: number | undefined): Promise<number | undefined> {
    if (this.#records.get(key)?.revision !== over) return undefined;
    this.#revisions += 1;
    const revision = this.#revisions;
    this.#records.set(key, { record, revision });
    await this.#keep(OP.state, encodeRecord(record));
    return revision;
  }

  async *#list(campaignId: string | undefined): AsyncGenerator<JobRecord> {
    this.#assertOpen();
    const records = await Promise.resolve([...this.#records.values()]);
    for (const { record } of records)
      if (campaignId === undefined || record.job.campaignId === campaignId) yield record;
  }

  /** Memory is changed first and the journal after it, in the same order: a crash in between loses both, and nobody was told of either. */
  async #keep(op: number, octets: Uint8Array): Promise<void> {
    this.#assertOpen();
    if (this.#journal === undefined) return;
    try {
      await this.#journal.append(Buffer.concat([Uint8Array.of(op), octets]));
    } catch (cause) {
      // Memory is ahead of the disk now, and only the disk counts.
      this.#isClosed = true;
      this.#wake();
      throw storageFailed('the journal of the queue cannot be written', cause);
    }
  }

  #replayed(directory: string): Journal {
    let journal: Journal;
    try {
      mkdirSync(join(directory, 'packages'), { recursive: true });
      journal = openJournal({ files: nodeFiles(), processes: nodeProcesses(), directory: join(directory, 'journal') });
    } catch (cause) {
      throw storageFailed(`the queue in ${directory} cannot be opened`, cause);
    }
    for (const { octets } of journal.readAll()) {
      const body = octets.subarray(1);
      if (octets[0] === OP.state) {
        const record = decodeRecord(body, 'in the journal');
        this.#revisions += 1;
        this.#records.set(jobKey(record.job), { record, revision: this.#revisions });
        continue;
      }
      const read = decodeJob(body);
      if (!read.ok)
        throw new WorkError('record-format', `the journal of the queue in ${directory} holds no job: ${read.detail}`);
      const { job, round } = read;
      if (octets[0] === OP.put) this.#entries.set(entryId(job, round), { job, round, visibleAtMs: 0, attempt: 0 });
      else this.#entries.delete(entryId(job, round));
    }
    return journal;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new WorkError('closed', 'the queue is closed');
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  async #changed(withinMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      const cancel = this.#time.after(withinMs, wake);
      this.#waiting.add(wake);
    });
  }
}

function entryId(job: UpdateJob, round: number): string {
  return `${jobKey(job)}.${round}`;
}
