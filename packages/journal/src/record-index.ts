import { JournalError } from './error.js';
import type { FilePort, OpenFile } from './files/file-port.js';
import { RECORD_HEADER_BYTES, decodeRecord } from './format.js';
import type { Frame } from './format.js';
import { READ_HANDLES_MAX } from './limits.js';
import { closeQuietly, segmentPath } from './segment.js';

export interface JournalRecord {
  readonly sequence: number;
  readonly octets: Uint8Array;
}

/** Segment and offset in one number: 16 octets of memory per record, whatever its size. */
const OFFSET_RANGE = 2 ** 32;

/** Where each durable record is, and the files to read it from. */
export class RecordIndex {
  readonly #files: FilePort;
  readonly #directory: string;
  readonly #places: number[] = [];
  readonly #lengths: number[] = [];
  /** In order of use, the oldest first. */
  readonly #handles = new Map<number, OpenFile>();
  #closed = false;

  constructor(files: FilePort, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  get lastSequence(): number {
    return this.#places.length;
  }

  add(segmentNumber: number, frame: Pick<Frame, 'records'>): void {
    for (const record of frame.records) {
      this.#places.push(segmentNumber * OFFSET_RANGE + record.offsetBytes);
      this.#lengths.push(record.lengthBytes);
    }
  }

  read(sequence: number): Uint8Array {
    if (this.#closed) throw new JournalError('closed', 'this journal is closed; open it again to read');
    const place = this.#places[sequence - 1];
    const lengthBytes = this.#lengths[sequence - 1];
    if (place === undefined || lengthBytes === undefined) {
      throw new JournalError('no-record', `there is no record ${sequence}; the last one is ${this.lastSequence}`);
    }
    const segmentNumber = Math.floor(place / OFFSET_RANGE);
    const path = segmentPath(this.#directory, segmentNumber);
    const buffer = new Uint8Array(RECORD_HEADER_BYTES + lengthBytes);
    let count: number;
    try {
      count = this.#handle(segmentNumber, path).readAt(buffer, place % OFFSET_RANGE);
    } catch (cause) {
      throw new JournalError('storage-failed', `record ${sequence} in ${path} cannot be read; check the disk`, {
        cause,
      });
    }
    const octets = decodeRecord(buffer.subarray(0, count), sequence);
    if (octets === undefined) {
      throw new JournalError('corrupt', `record ${sequence} in ${path} is damaged; restore the directory from a copy`);
    }
    return octets;
  }

  *readAll(afterSequence: number): Iterable<JournalRecord> {
    for (let sequence = afterSequence + 1; sequence <= this.lastSequence; sequence += 1) {
      yield { sequence, octets: this.read(sequence) };
    }
  }

  close(): void {
    this.#closed = true;
    for (const file of this.#handles.values()) closeQuietly(file);
    this.#handles.clear();
  }

  #handle(segmentNumber: number, path: string): OpenFile {
    const file = this.#handles.get(segmentNumber) ?? this.#files.open(path, 'read');
    this.#handles.delete(segmentNumber);
    this.#handles.set(segmentNumber, file);
    if (this.#handles.size > READ_HANDLES_MAX) {
      const [oldest] = this.#handles;
      if (oldest !== undefined) {
        this.#handles.delete(oldest[0]);
        closeQuietly(oldest[1]);
      }
    }
    return file;
  }
}
