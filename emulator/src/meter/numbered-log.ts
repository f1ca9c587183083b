import { FlashError } from '../errors.js';
import type { Crc32, FlashPort, PartitionName } from '../flash/flash-port.js';
import { entryCopies } from '../flash/layout-plan.js';
import { RecordLog, type LogRecord } from '../flash/record-log.js';

/** A log of numbered entries in a partition of its own. */
export interface NumberedFormat<Entry> {
  readonly partition: PartitionName;
  readonly logId: number;
  /** Of an entry with its number, which stands in the first four octets. */
  readonly payloadBytes: number;
  /** The newest of them are the log. */
  readonly entriesMax: number;
  /** Writes an entry behind its number. */
  readonly write: (entry: Entry, view: DataView) => void;
  readonly read: (view: DataView) => Entry;
}

export interface Numbered<Entry> {
  readonly number: number;
  readonly entry: Entry;
}

/** The last entries of a log; the oldest is overwritten. Opened anew for each call, so that no entry stays in memory. */
export class NumberedLog<Entry> {
  readonly #flash: FlashPort;
  readonly #crc32: Crc32;
  readonly #format: NumberedFormat<Entry>;

  constructor(flash: FlashPort, crc32: Crc32, format: NumberedFormat<Entry>) {
    this.#flash = flash;
    this.#crc32 = crc32;
    this.#format = format;
  }

  /** @throws FlashError `bad-layout` when the partition cannot hold the whole log while a sector is erased; PowerLost */
  open(): RecordLog {
    const { partition, logId, payloadBytes, entriesMax } = this.#format;
    const log = new RecordLog([this.#flash.partition(partition)], { logId, payloadBytes }, this.#crc32);
    if (log.capacity >= entriesMax * this.#copies) return log;
    throw new FlashError(
      'bad-layout',
      `the partition "${partition}" must hold ${entriesMax} entries with one sector erased`,
    );
  }

  /** Up to and with a number, oldest first. Of two entries with one number the later one counts. @throws as `open` */
  entries(upTo?: number): readonly Numbered<Entry>[] {
    return this.#among(this.open().records, upTo ?? Infinity).slice(-this.#format.entriesMax);
  }

  /** Writes the entry of a number, in place of one that is there and of all above it. @throws FlashError `worn`, `bad-layout`; PowerLost */
  put(number: number, entry: Entry): void {
    const log = this.open();
    for (let copy = 0; copy < this.#copies; copy++) {
      log.append(this.#encode({ number, entry }), (kept) => {
        // What stays usually holds the whole log; after many torn records it may not.
        const stays = new Set(kept.map(({ payload }) => viewOf(payload).getUint32(0, true)));
        return this.#among(log.records, copy === 0 ? number - 1 : number)
          .slice(1 - this.#format.entriesMax)
          .filter((numbered) => !stays.has(numbered.number))
          .map((numbered) => this.#encode(numbered));
      });
    }
  }

  get #copies(): number {
    return entryCopies(this.#flash.granuleBytes);
  }

  #among(records: readonly LogRecord[], upTo: number): readonly Numbered<Entry>[] {
    const byNumber = new Map<number, Numbered<Entry>>();
    for (const { payload } of records) {
      const view = viewOf(payload);
      const number = view.getUint32(0, true);
      if (number <= upTo) byNumber.set(number, { number, entry: this.#format.read(view) });
    }
    return [...byNumber.values()].toSorted((a, b) => a.number - b.number);
  }

  #encode({ number, entry }: Numbered<Entry>): Uint8Array {
    const octets = new Uint8Array(this.#format.payloadBytes);
    const view = viewOf(octets);
    view.setUint32(0, number, true);
    this.#format.write(entry, view);
    return octets;
  }
}

function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
}
