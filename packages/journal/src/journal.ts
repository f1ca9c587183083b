import { randomOctets } from './digest.js';
import { JournalError } from './error.js';
import { writeFully } from './files/file-port.js';
import type { FilePort } from './files/file-port.js';
import {
  CHAIN_BYTES,
  FRAME_HEADER_BYTES,
  RECORD_HEADER_BYTES,
  SALT_BYTES,
  SEGMENT_HEADER_BYTES,
  encodeFrame,
  frameBytes,
} from './format.js';
import {
  FRAME_BYTES_MAX,
  PENDING_BYTES_MAX_DEFAULT,
  RECORD_BYTES_MAX_DEFAULT,
  SEGMENT_BYTES_DEFAULT,
  SEGMENT_BYTES_MAX,
  SEGMENT_BYTES_MIN,
  SEGMENT_COUNT_MAX,
} from './limits.js';
import { takeLock } from './lock.js';
import type { Lock } from './lock.js';
import { nodeProcesses } from './processes.js';
import type { ProcessPort } from './processes.js';
import type { JournalReader } from './reader.js';
import type { RecordIndex } from './record-index.js';
import { scanJournal } from './scan.js';
import type { ScannedSegment } from './scan.js';
import {
  closeQuietly,
  createSegment,
  isFull,
  removeUnfinished,
  segmentPath,
  storageFailed,
  storageFull,
} from './segment.js';
import type { Tail } from './segment.js';

export interface JournalOptions {
  readonly files: FilePort;
  /** Made with mode 0700 if it is not there; its parent must be. */
  readonly directory: string;
  /** {@link SEGMENT_BYTES_DEFAULT}; whole sectors. Segments that exist keep their size. */
  readonly segmentBytes?: number;
  /** {@link RECORD_BYTES_MAX_DEFAULT} */
  readonly recordBytesMax?: number;
  /** {@link PENDING_BYTES_MAX_DEFAULT} */
  readonly pendingBytesMax?: number;
  /** Who may hold locks; this machine's processes unless given. */
  readonly processes?: ProcessPort;
  /** Asked for one call of `flush` when something waits; `setImmediate` unless given, so that one turn's appends share a sync. */
  readonly schedule?: (flush: () => void) => void;
  /** Makes the journal's salt. Give it only where a run has to repeat octet for octet. */
  readonly random?: (count: number) => Uint8Array;
}

export interface Journal extends JournalReader {
  /**
   * Adds one record and resolves with its sequence (1, 2, 3, …) when it is durable. The octets are copied at once.
   *
   * Rejects with {@link JournalError}
   *   - `storage-full`: nothing was written; try again when there is space;
   *   - `storage-failed`: it may or may not be there after opening again, and this journal accepts nothing more;
   *   - `too-large`, `overloaded`, `closed`: nothing was written.
   */
  append(octets: Uint8Array): Promise<number>;
  /** As {@link append}, for several records of which a crash leaves all or none. */
  appendAll(records: readonly Uint8Array[]): Promise<readonly number[]>;
  /** Makes everything appended so far durable before it returns; the outcome goes to the promises. */
  flush(): void;
  /** Flushes, gives the lock back and closes the files. */
  close(): void;
}

/**
 * Opens or makes the journal in `directory`, as its only owner.
 *
 * @throws {@link JournalError} with `code` `locked`, `corrupt`, `storage-full`, `storage-failed` or `misuse`.
 */
export function openJournal(options: JournalOptions): Journal {
  checkOptions(options);
  const { files, directory } = options;
  let lock: Lock | undefined;
  try {
    files.makeDirectory(directory);
    lock = takeLock(files, directory, options.processes ?? nodeProcesses());
    removeUnfinished(files, directory);
    const { index, last } = scanJournal(files, directory, 1);
    const tail = last === undefined ? firstSegment(options) : settleTail(files, directory, last);
    return new OpenJournal(options, lock, index, tail);
  } catch (error) {
    lock?.release();
    if (error instanceof JournalError) throw error;
    throw isFull(error) ? storageFull(directory, error) : storageFailed(directory, error);
  }
}

function firstSegment(options: JournalOptions): Tail {
  return createSegment(options.files, options.directory, {
    number: 1,
    segmentBytes: options.segmentBytes ?? SEGMENT_BYTES_DEFAULT,
    firstSequence: 1,
    salt: (options.random ?? randomOctets)(SALT_BYTES),
    chain: new Uint8Array(CHAIN_BYTES),
  });
}

/**
 * Makes durable what the scan has found. The last frame may have been read from memory whose write to disk has failed and which
 * the system now takes for clean; a sync alone would then report success for nothing. Writing the same octets again forces it out.
 */
function settleTail(files: FilePort, directory: string, last: ScannedSegment): Tail {
  const file = files.open(segmentPath(directory, last.header.number), 'read-write');
  try {
    writeFully(file, last.lastFrameOctets, last.endBytes - last.lastFrameOctets.length);
    file.syncData();
    files.syncDirectory(directory);
  } catch (error) {
    closeQuietly(file);
    throw error;
  }
  return { file, header: last.header, endBytes: last.endBytes, chain: last.chain };
}

/** Records that become durable together. */
interface Group {
  readonly records: readonly Uint8Array[];
  readonly bodyBytes: number;
  readonly resolve: (firstSequence: number) => void;
  readonly reject: (error: JournalError) => void;
}

class OpenJournal implements Journal {
  readonly #options: JournalOptions;
  readonly #lock: Lock;
  readonly #index: RecordIndex;
  #tail: Tail;
  #queue: Group[] = [];
  #queuedBytes = 0;
  #scheduled = false;
  /** Why nothing more is accepted; undefined while all is well. */
  #stopped: JournalError | undefined;
  #closed = false;

  constructor(options: JournalOptions, lock: Lock, index: RecordIndex, tail: Tail) {
    this.#options = options;
    this.#lock = lock;
    this.#index = index;
    this.#tail = tail;
  }

  get lastSequence(): number {
    return this.#index.lastSequence;
  }

  read(sequence: number): Uint8Array {
    return this.#index.read(sequence);
  }

  readAll(afterSequence = 0): Iterable<{ readonly sequence: number; readonly octets: Uint8Array }> {
    return this.#index.readAll(afterSequence);
  }

  append(octets: Uint8Array): Promise<number> {
    return this.#enqueue([octets]);
  }

  async appendAll(records: readonly Uint8Array[]): Promise<readonly number[]> {
    if (records.length === 0) return [];
    const first = await this.#enqueue(records);
    return records.map((_, index) => first + index);
  }

  flush(): void {
    this.#scheduled = false;
    while (this.#queue.length > 0) {
      if (this.#stopped !== undefined) return this.#rejectQueue(this.#stopped);
      try {
        this.#commit(this.#takeFrame());
      } catch (error) {
        const fault = error instanceof JournalError ? error : storageFailed(this.#options.directory, error);
        if (fault.code !== 'storage-full') this.#stopped = fault;
        return this.#rejectQueue(fault);
      }
    }
    return undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    this.#stopped = new JournalError('closed', 'this journal is closed; open it again to append');
    closeQuietly(this.#tail.file);
    this.#index.close();
    this.#lock.release();
  }

  #enqueue(records: readonly Uint8Array[]): Promise<number> {
    return new Promise((resolve, reject) => {
      const bodyBytes = records.reduce((sum, record) => sum + RECORD_HEADER_BYTES + record.length, 0);
      const refusal = this.#stopped ?? this.#refusal(records, bodyBytes);
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      this.#queue.push({ records: records.map((record) => record.slice()), bodyBytes, resolve, reject });
      this.#queuedBytes += bodyBytes;
      if (!this.#scheduled) {
        this.#scheduled = true;
        (this.#options.schedule ?? setImmediate)(() => this.flush());
      }
    });
  }

  #refusal(records: readonly Uint8Array[], bodyBytes: number): JournalError | undefined {
    const recordBytesMax = this.#options.recordBytesMax ?? RECORD_BYTES_MAX_DEFAULT;
    const largest = records.find((record) => record.length > recordBytesMax);
    if (largest !== undefined) {
      return new JournalError('too-large', `a record of ${largest.length} octets; at most ${recordBytesMax} fit`);
    }
    const roomBytes = frameCapacity(this.#segmentBytes);
    if (bodyBytes > roomBytes) {
      return new JournalError('too-large', `${bodyBytes} octets to be stored as one; at most ${roomBytes} fit`);
    }
    const pendingBytesMax = this.#options.pendingBytesMax ?? PENDING_BYTES_MAX_DEFAULT;
    if (this.#queuedBytes + bodyBytes > pendingBytesMax) {
      return new JournalError('overloaded', `${this.#queuedBytes} octets wait for the disk; wait for earlier appends`);
    }
    return undefined;
  }

  get #segmentBytes(): number {
    return this.#options.segmentBytes ?? SEGMENT_BYTES_DEFAULT;
  }

  /** The groups of the next frame: as many as the tail has room for, in a new segment if it has room for none. They stay queued. */
  #takeFrame(): readonly Group[] {
    const fits = (bodyBytes: number): boolean => {
      const bytes = frameBytes(bodyBytes);
      return bytes <= FRAME_BYTES_MAX && this.#tail.endBytes + bytes <= this.#tail.header.segmentBytes;
    };
    const first = this.#queue[0];
    if (first !== undefined && !fits(first.bodyBytes)) this.#rollOver();
    let bodyBytes = 0;
    let count = 0;
    for (const group of this.#queue) {
      if (!fits(bodyBytes + group.bodyBytes)) break;
      bodyBytes += group.bodyBytes;
      count += 1;
    }
    return this.#queue.slice(0, count);
  }

  #rollOver(): void {
    const { files, directory } = this.#options;
    const number = this.#tail.header.number + 1;
    if (number > SEGMENT_COUNT_MAX)
      throw new JournalError('storage-full', `${directory} has ${SEGMENT_COUNT_MAX} segments`);
    const next = createSegment(files, directory, {
      number,
      segmentBytes: this.#segmentBytes,
      firstSequence: this.lastSequence + 1,
      salt: this.#tail.header.salt,
      chain: this.#tail.chain,
    });
    closeQuietly(this.#tail.file);
    this.#tail = next;
  }

  /** One write and one sync. What throws in here leaves the groups in the queue for `flush` to reject. */
  #commit(groups: readonly Group[]): void {
    const { file, header, endBytes, chain } = this.#tail;
    const firstSequence = this.lastSequence + 1;
    const records = groups.flatMap((group) => group.records);
    const frame = encodeFrame(records, firstSequence, header.salt, chain);
    writeFully(file, frame.octets, endBytes);
    file.syncData();
    this.#tail = { file, header, endBytes: endBytes + frame.octets.length, chain: frame.chain };
    this.#index.add(header.number, { records: placesOf(records, endBytes) });
    this.#queue = this.#queue.slice(groups.length);
    let sequence = firstSequence;
    for (const group of groups) {
      this.#queuedBytes -= group.bodyBytes;
      group.resolve(sequence);
      sequence += group.records.length;
    }
  }

  #rejectQueue(error: JournalError): void {
    const rejected = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const group of rejected) group.reject(error);
  }
}

function placesOf(records: readonly Uint8Array[], frameAt: number): { offsetBytes: number; lengthBytes: number }[] {
  let at = frameAt + FRAME_HEADER_BYTES;
  return records.map((record) => {
    const place = { offsetBytes: at, lengthBytes: record.length };
    at += RECORD_HEADER_BYTES + record.length;
    return place;
  });
}

/** Octets of records, with their headers, that one frame in an empty segment can hold. */
function frameCapacity(segmentBytes: number): number {
  return Math.min(FRAME_BYTES_MAX, segmentBytes - SEGMENT_HEADER_BYTES) - FRAME_HEADER_BYTES;
}

function checkOptions(options: JournalOptions): void {
  const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES_DEFAULT;
  const inRange = segmentBytes >= SEGMENT_BYTES_MIN && segmentBytes <= SEGMENT_BYTES_MAX;
  if (!inRange || segmentBytes % SEGMENT_HEADER_BYTES !== 0) {
    throw new JournalError(
      'misuse',
      `segmentBytes is ${segmentBytes}; give a multiple of ${SEGMENT_HEADER_BYTES} from ${SEGMENT_BYTES_MIN} to ${SEGMENT_BYTES_MAX}`,
    );
  }
  if (!(options.recordBytesMax === undefined || options.recordBytesMax > 0)) {
    throw new JournalError('misuse', `recordBytesMax is ${options.recordBytesMax}; give at least 1`);
  }
}
