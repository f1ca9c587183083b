/** Takes jobs from a queue and meters through their updates: at least once delivered, once in effect. */
import type { Inventory, InventoryDevice, MeterLinks } from '@smets1/dco';
import { nodeCrypto, nodeTime, type TimePort } from '@smets1/host';
import type { CryptoPort } from '@smets1/protocol';
import {
  NOT_MINE_MS,
  PARALLEL_DEFAULT,
  PARALLEL_MAX,
  PUT_BACK_MS_FIRST,
  PUT_BACK_MS_MAX,
  SERVER_BACK_OFF_MS,
  TAKE_MS,
  TRIES_MAX_DEFAULT,
} from '../limits.js';
import { claimJob, writeEnd, type Claimed } from './claim.js';
import { isPassing, WorkError } from './error.js';
import { Lease } from './lease.js';
import { PackageShelf } from './package-shelf.js';
import { updateMeter, type MeterStage, type UpdateEnd } from './update-meter.js';
import { jobKey } from './update-job.js';
import type { Delivery, UpdateWork } from './work-ports.js';
import type { JobRecord } from './job-record.js';

export type WorkerEvent =
  | {
      readonly kind: 'claimed';
      readonly key: string;
      readonly deviceId: string;
      readonly claim: number;
      readonly attempt: number;
    }
  | { readonly kind: 'stage'; readonly key: string; readonly deviceId: string; readonly stage: MeterStage }
  /** Its record is final, and was written by this worker. */
  | { readonly kind: 'ended'; readonly key: string; readonly record: JobRecord }
  | {
      readonly kind: 'put-back';
      readonly key: string;
      readonly code: string;
      readonly detail: string;
      readonly delayMs: number;
    }
  /** The record said that nothing is to be done: the meter was not touched. */
  | { readonly kind: 'no-effect'; readonly key: string; readonly detail: string }
  /** The lease ended, or another worker took over: what came of the conversation is not written. */
  | { readonly kind: 'lost'; readonly key: string; readonly deviceId: string }
  | { readonly kind: 'server-lost' | 'server-back'; readonly detail: string }
  | { readonly kind: 'defect'; readonly key: string; readonly error: unknown };

export interface UpdateWorkerOptions {
  readonly work: UpdateWork;
  /** In records and events; new for each run. */
  readonly workerId: string;
  readonly site: string;
  /** Meters that this worker reaches, with their public keys: it takes no other, for what they sign could not be attested. */
  readonly inventory: Inventory;
  readonly links: MeterLinks;
  /** Ends the worker: conversations are interrupted and their jobs put back at once. */
  readonly signal: AbortSignal;
  /** Ends by itself once its site has no job left, in hand or not. */
  readonly untilIdle?: boolean;
  /** Meters spoken to at a time; {@link PARALLEL_DEFAULT}. */
  readonly parallel?: number;
  /** Conversations that come to nothing before a job has failed; {@link TRIES_MAX_DEFAULT}. */
  readonly triesMax?: number;
  readonly octetsPerSecond?: number;
  readonly onEvent?: (event: WorkerEvent) => void;
  readonly crypto?: CryptoPort;
  readonly time?: TimePort;
  /** Milliseconds since 1970. */
  readonly nowMs?: () => number;
}

export interface WorkerTally {
  readonly claimed: number;
  readonly done: number;
  readonly failed: number;
  readonly putBack: number;
  readonly noEffect: number;
  readonly lost: number;
}

/**
 * Works until `signal`, or until its site is idle. A server that does not answer is waited for.
 *
 * @throws {@link WorkError} what waiting does not mend. `onEvent` must not throw.
 */
export async function runUpdateWorker(options: UpdateWorkerOptions): Promise<WorkerTally> {
  return await new Worker(options).run();
}

class Worker {
  readonly #options: UpdateWorkerOptions;
  readonly #time: TimePort;
  readonly #nowMs: () => number;
  readonly #crypto: CryptoPort;
  readonly #shelf: PackageShelf;
  readonly #tally = { claimed: 0, done: 0, failed: 0, putBack: 0, noEffect: 0, lost: 0 };
  readonly #ending = new AbortController();
  readonly #signal: AbortSignal;
  #isServerLost = false;

  constructor(options: UpdateWorkerOptions) {
    this.#options = options;
    this.#time = options.time ?? nodeTime();
    this.#nowMs = options.nowMs ?? Date.now;
    this.#crypto = options.crypto ?? nodeCrypto();
    this.#shelf = new PackageShelf(options.work.packages);
    this.#signal = AbortSignal.any([options.signal, this.#ending.signal]);
  }

  async run(): Promise<WorkerTally> {
    const parallel = this.#options.parallel ?? PARALLEL_DEFAULT;
    if (!Number.isInteger(parallel) || parallel < 1 || parallel > PARALLEL_MAX)
      throw new WorkError('misuse', `a worker speaks to 1 to ${PARALLEL_MAX} meters at a time, not ${parallel}`);
    const lane = async (): Promise<void> => {
      try {
        await this.#lane();
      } catch (error) {
        this.#ending.abort(); // the other lanes put back what they have in hand
        throw error;
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: parallel }, lane));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return { ...this.#tally };
  }

  async #lane(): Promise<void> {
    const { work, site, untilIdle } = this.#options;
    while (!this.#signal.aborted) {
      try {
        const delivery = await work.queue.take(site, TAKE_MS);
        this.#serverBack();
        if (delivery !== undefined) await this.#handle(delivery);
        else if (untilIdle === true && (await work.queue.left(site)) === 0) return;
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.#serverLost(error.message);
        await this.#pause(SERVER_BACK_OFF_MS);
      }
    }
  }

  async #handle(delivery: Delivery): Promise<void> {
    const key = jobKey(delivery.job);
    if (this.#signal.aborted) return delivery.later(0);
    const device = this.#options.inventory.devices.get(delivery.job.deviceId);
    if (device?.publicKey === undefined) {
      const detail = device === undefined ? 'is not in the inventory' : 'has no public key in the inventory';
      this.#putBack(delivery, 'device-unknown', `${delivery.job.deviceId} ${detail}`, 0);
      // Another worker may have it at once; without the pause this one would be the first to ask again.
      return await this.#pause(NOT_MINE_MS);
    }
    let claim: Claimed | undefined;
    const lease = new Lease(delivery, this.#time, async () => {
      if (claim === undefined) return true;
      // Not the revision: the end may be written already, and only the answer to that be on its way.
      const now = (await this.#options.work.states.read(key))?.record;
      return now?.claim === claim.record.claim && now.worker === claim.record.worker;
    });
    try {
      await lease.begin();
      const claimed = await claimJob(this.#options.work.states, delivery, this.#options.workerId, this.#nowMs());
      if (claimed.kind === 'no-effect') {
        this.#tally.noEffect += 1;
        this.#tell({ kind: 'no-effect', key, detail: claimed.detail });
        return await delivery.done();
      }
      claim = claimed;
      this.#tally.claimed += 1;
      this.#tell({
        kind: 'claimed',
        key,
        deviceId: device.deviceId,
        claim: claim.record.claim,
        attempt: delivery.attempt,
      });
      return await this.#work(delivery, claim, lease, device);
    } finally {
      lease.end();
    }
  }

  async #work(delivery: Delivery, claim: Claimed, lease: Lease, device: InventoryDevice): Promise<void> {
    const key = jobKey(delivery.job);
    const { deviceId } = device;
    const end = await this.#update(claim, lease, device);
    if (lease.isLost) return this.#lost(key, deviceId);
    const next = nextRecord(claim.record, end, this.#options.triesMax ?? TRIES_MAX_DEFAULT, this.#nowMs());
    const isWritten = await writeEnd(this.#options.work.states, { ...claim, key }, next, {
      isLost: () => lease.isLost,
      pause: async () => await this.#pause(SERVER_BACK_OFF_MS, lease.lost),
    });
    if (!isWritten) return this.#lost(key, deviceId);
    if (next.state === 'waiting') {
      const { code, message } = next.fault!;
      const isInterrupted = end.kind === 'again' && end.isInterrupted;
      return this.#putBack(delivery, code, message, isInterrupted ? 0 : backOffMs(next.tries));
    }
    this.#tally[next.state === 'done' ? 'done' : 'failed'] += 1;
    this.#tell({ kind: 'ended', key, record: next });
    // If this is lost the job comes once more, and its record says that nothing is to be done.
    return await delivery.done();
  }

  async #update(claim: Claimed, lease: Lease, device: InventoryDevice): Promise<UpdateEnd> {
    const { job } = claim.record;
    const key = jobKey(job);
    try {
      return await updateMeter({
        job,
        device,
        image: async () => await this.#shelf.image(job),
        links: this.#options.links,
        crypto: this.#crypto,
        time: this.#options.time,
        nowMs: this.#nowMs,
        octetsPerSecond: this.#options.octetsPerSecond,
        signal: AbortSignal.any([this.#signal, lease.lost]),
        isEnding: () => this.#signal.aborted,
        onStage: (stage) => this.#tell({ kind: 'stage', key, deviceId: device.deviceId, stage }),
      });
    } catch (error) {
      if (error instanceof WorkError) throw error;
      // A defect of ours must not take a campaign with it.
      this.#tell({ kind: 'defect', key, error });
      const message = `a defect of ours: ${error instanceof Error ? error.message : String(error)}`;
      return { kind: 'failed', code: 'defect', message };
    }
  }

  #putBack(delivery: Delivery, code: string, detail: string, delayMs: number): void {
    this.#tally.putBack += 1;
    delivery.later(delayMs);
    this.#tell({ kind: 'put-back', key: jobKey(delivery.job), code, detail, delayMs });
  }

  #lost(key: string, deviceId: string): void {
    this.#tally.lost += 1;
    this.#tell({ kind: 'lost', key, deviceId });
  }

  #serverLost(detail: string): void {
    if (this.#isServerLost) return;
    this.#isServerLost = true;
    this.#tell({ kind: 'server-lost', detail });
  }

  #serverBack(): void {
    if (!this.#isServerLost) return;
    this.#isServerLost = false;
    this.#tell({ kind: 'server-back', detail: 'the queue answers again' });
  }

  #tell(event: WorkerEvent): void {
    this.#options.onEvent?.(event);
  }

  async #pause(ms: number, sooner: AbortSignal = this.#signal): Promise<void> {
    if (sooner.aborted) return;
    await new Promise<void>((resolve) => {
      const over = (): void => {
        cancel();
        sooner.removeEventListener('abort', over);
        resolve();
      };
      const cancel = this.#time.after(ms, over);
      sooner.addEventListener('abort', over);
    });
  }
}

function nextRecord(record: JobRecord, end: UpdateEnd, triesMax: number, atMs: number): JobRecord {
  const { fault: _, device: __, ...rest } = record;
  const said = end.device === undefined ? {} : { device: end.device };
  if (end.kind === 'done') return { ...rest, ...said, state: 'done', what: end.what, atMs };
  const fault = { code: end.code, message: end.message };
  if (end.kind === 'failed') return { ...rest, ...said, state: 'failed', fault, atMs };
  // A worker that was told to stop says nothing about the meter.
  const tries = record.tries + (end.isInterrupted ? 0 : 1);
  return { ...rest, ...said, state: tries < triesMax ? 'waiting' : 'failed', tries, fault, atMs };
}

function backOffMs(tries: number): number {
  return Math.min(PUT_BACK_MS_MAX, PUT_BACK_MS_FIRST * 2 ** Math.max(0, tries - 1));
}
