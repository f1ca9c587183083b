/** A worker thread as its employer sees it. */
import { Worker } from 'node:worker_threads';
import { FleetError } from './error.js';
import type { Effort } from './fleet-share.js';
import type { WorkerReport, WorkerTask, WorkerWish } from './fleet-worker.js';
import type { MeterEnd } from './meter-end.js';

export class CrewMember {
  /** Of its meters, so far. */
  readonly ends: MeterEnd[] = [];
  /** When it has updated all of its meters. Rejects with FleetError `worker-failed`. */
  readonly updated: Promise<Effort>;
  readonly #worker: Worker;
  readonly #failed: Promise<never>;
  #onSlot: (index: number, octets: Uint8Array | undefined) => void = () => undefined;

  constructor(url: URL, task: WorkerTask, onEnds: (ends: readonly MeterEnd[]) => void) {
    this.#worker = new Worker(url, { workerData: task });
    this.#failed = new Promise((_, reject) => {
      const fail = (why: string, cause?: unknown): void =>
        reject(new FleetError('worker-failed', `worker ${task.share.worker} failed: ${why}`, { cause }));
      this.#worker.once('error', (error) => fail(error instanceof Error ? error.message : String(error), error));
      this.#worker.once('exit', (code) => fail(`it ended with ${code}`));
    });
    // Also when nobody waits for it: a worker that was told to end has failed nobody.
    this.#failed.catch(() => undefined);
    const finished = new Promise<Effort>((resolve) => {
      this.#worker.on('message', (report: WorkerReport) => {
        switch (report.kind) {
          case 'ends':
            this.ends.push(...report.ends);
            return onEnds(report.ends);
          case 'updated':
            return resolve(report.effort);
          case 'slot':
            return this.#onSlot(report.index, report.octets);
        }
      });
    });
    this.updated = Promise.race([finished, this.#failed]);
    this.updated.catch(() => undefined);
  }

  /** Reads the confirmed images of meters of its share, one after the other. */
  async readSlots(
    indices: readonly number[],
    onSlot: (index: number, octets: Uint8Array | undefined) => void,
  ): Promise<void> {
    if (indices.length === 0) return;
    let left = indices.length;
    const read = new Promise<void>((resolve) => {
      this.#onSlot = (index, octets) => {
        onSlot(index, octets);
        left -= 1;
        if (left === 0) resolve();
      };
    });
    const wish: WorkerWish = { slots: indices };
    // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage(wish);
    await Promise.race([read, this.#failed]);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
