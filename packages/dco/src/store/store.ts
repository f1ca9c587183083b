/** The journal and what it adds up to, changed by one decision at a time: decide, make durable, then believe it. */
import { JournalError } from '@smets1/journal';
import type { FilePort, ProcessPort } from '@smets1/journal';
import { DcoError } from '../error.js';
import { DEAD_BYTES_MIN, RECORD_BYTES_MAX, RECORD_HEAD_BYTES_MAX, REWRITE_BATCH_BYTES } from '../limits.js';
import { nextGeneration, openGeneration, readGeneration } from './generations.js';
import type { Generation, JournalSettings } from './generations.js';
import { decodeChange, encodeChange } from './records.js';
import type { Change } from './records.js';
import { applyChange, emptyState, liveChanges } from './state.js';
import type { MutableState, StoreState } from './state.js';

export interface StoreOptions {
  readonly files: FilePort;
  readonly directory: string;
  readonly segmentBytes?: number;
  readonly processes?: ProcessPort;
  /** Dead octets below which the journal is not rewritten; {@link DEAD_BYTES_MIN}. */
  readonly deadBytesMin?: number;
}

/** What a decision does, and what it answers. Without changes nothing is written. */
export interface Decision<T> {
  readonly changes: readonly Change[];
  readonly value: T;
}

export interface Store {
  readonly state: StoreState;
  /** Why nothing more is taken until the directory is opened again; undefined while all is well. */
  readonly failure: DcoError | undefined;
  /**
   * Decides on the newest state and makes the changes durable, all or none, before it resolves. Decisions wait for each other.
   *
   * Rejects with {@link DcoError}: `storage-full` (nothing changed; try again later), `storage-failed` (nothing more is taken until the
   * directory is opened again), `closed`.
   */
  transact<T>(decide: (state: StoreState) => Decision<T>): Promise<T>;
  /** The octets of a part. @throws {@link DcoError} `storage-corrupt`, `storage-failed`. */
  readPart(sequence: number): Uint8Array;
  /** Rewrites the journal when enough of it is dead. Resolves with whether it did. */
  tidy(): Promise<boolean>;
  /** Waits for the decisions under way, then gives the directory back. */
  close(): Promise<void>;
}

/** @throws {@link DcoError} `storage-locked`, `storage-corrupt`, `storage-full`, `storage-failed`. */
export function openStore(options: StoreOptions): Store {
  try {
    return new OpenStore(options);
  } catch (error) {
    throw storageError(error);
  }
}

/** The state of a store beside its owner, as of now. @throws {@link DcoError}. */
export function readState<T>(
  files: FilePort,
  directory: string,
  use: (state: StoreState, readPart: (sequence: number) => Uint8Array) => T,
): T {
  try {
    return readGeneration(files, directory, (reader) => {
      const state = emptyState();
      for (const { sequence, octets } of reader.readAll()) applyChange(state, decodeChange(octets), sequence);
      return use(state, (sequence) => partOf(reader.read(sequence)));
    });
  } catch (error) {
    throw storageError(error);
  }
}

class OpenStore implements Store {
  readonly #options: StoreOptions;
  readonly #settings: JournalSettings;
  #generation: Generation;
  #state: MutableState = emptyState();
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;
  #failure: DcoError | undefined;
  /** Octets of all records in this generation. */
  #writtenBytes = 0;

  constructor(options: StoreOptions) {
    this.#options = options;
    const { segmentBytes, processes } = options;
    this.#settings = {
      recordBytesMax: RECORD_BYTES_MAX + RECORD_HEAD_BYTES_MAX,
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
      ...(processes === undefined ? {} : { processes }),
    };
    this.#generation = openGeneration(options.files, options.directory, this.#settings);
    try {
      for (const { sequence, octets } of this.#generation.journal.readAll()) {
        applyChange(this.#state, decodeChange(octets), sequence);
        this.#writtenBytes += octets.length;
      }
    } catch (error) {
      this.#generation.journal.close();
      throw error;
    }
  }

  get state(): StoreState {
    return this.#state;
  }

  get failure(): DcoError | undefined {
    return this.#failure;
  }

  transact<T>(decide: (state: StoreState) => Decision<T>): Promise<T> {
    return this.#alone(async () => {
      const { changes, value } = decide(this.#state);
      if (changes.length === 0) return value;
      const records = changes.map(encodeChange);
      const sequences = await this.#generation.journal.appendAll(records);
      for (const [i, change] of changes.entries()) applyChange(this.#state, change, sequences[i]!);
      for (const record of records) this.#writtenBytes += record.length;
      return value;
    });
  }

  readPart(sequence: number): Uint8Array {
    try {
      return partOf(this.#generation.journal.read(sequence));
    } catch (error) {
      throw storageError(error);
    }
  }

  tidy(): Promise<boolean> {
    return this.#alone(async () => {
      const dead = this.#writtenBytes - this.#liveBytes();
      if (dead < (this.#options.deadBytesMin ?? DEAD_BYTES_MIN) || dead * 2 < this.#writtenBytes) return false;
      const state = emptyState();
      let writtenBytes = 0;
      const { files, directory } = this.#options;
      this.#generation = await nextGeneration(files, directory, this.#settings, this.#generation, async (journal) => {
        let batch: { readonly change: Change; readonly record: Uint8Array }[] = [];
        let batchBytes = 0;
        const flush = async (): Promise<void> => {
          const sequences = await journal.appendAll(batch.map(({ record }) => record));
          for (const [i, { change }] of batch.entries()) applyChange(state, change, sequences[i]!);
          writtenBytes += batchBytes;
          batch = [];
          batchBytes = 0;
        };
        for (const change of liveChanges(this.#state, (sequence) => this.readPart(sequence))) {
          const record = encodeChange(change);
          batch.push({ change, record });
          batchBytes += record.length;
          if (batchBytes >= REWRITE_BATCH_BYTES) await flush();
        }
        await flush();
      });
      this.#state = state;
      this.#writtenBytes = writtenBytes;
      return true;
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last;
    this.#generation.journal.close();
  }

  /** Parts and lists, and a guess for the small records: it only decides when rewriting is worth it. */
  #liveBytes(): number {
    const small =
      this.#state.requests.size + this.#state.entries.size + this.#state.meters.size + this.#state.counters.size;
    return this.#state.heldBytes + small * SMALL_RECORD_GUESS;
  }

  #alone<T>(act: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new DcoError('closed', 'this store is closed; start the server again'));
    const done = this.#last.then(act).catch((error: unknown) => {
      const fault = storageError(error);
      if (fault instanceof DcoError && fault.code === 'storage-failed') this.#failure = fault;
      throw fault;
    });
    this.#last = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }
}

const SMALL_RECORD_GUESS = 400;

function partOf(record: Uint8Array): Uint8Array {
  const change = decodeChange(record);
  if (change.kind !== 'run')
    throw new DcoError(
      'storage-corrupt',
      `a ${change.kind} stands where a part should; restore the directory from a copy`,
    );
  return change.octets;
}

/** A journal's error as ours; anything else as it is. */
function storageError(error: unknown): unknown {
  if (!(error instanceof JournalError)) return error;
  const options = { cause: error };
  switch (error.code) {
    case 'storage-full':
      return new DcoError('storage-full', error.message, options);
    case 'corrupt':
    case 'no-record':
      return new DcoError('storage-corrupt', error.message, options);
    case 'locked':
      return new DcoError('storage-locked', error.message, options);
    case 'closed':
      return new DcoError('closed', error.message, options);
    case 'too-large':
    case 'misuse':
      return new DcoError('misuse', error.message, options);
    case 'storage-failed':
    case 'no-journal':
    case 'overloaded':
      return new DcoError('storage-failed', error.message, options);
  }
}
