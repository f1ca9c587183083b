/** A true journal taken apart, so that it can be spoilt in one place and put together again as if nothing had happened. */
import { forEachMeter, type MeterSet } from './checker/meter-set.js';
import type { JournalRecord } from './checker/records.js';

type Draft<T> = { -readonly [Key in keyof T]: Draft<T[Key]> };
export type DraftOf<Kind extends JournalRecord['kind']> = Draft<Extract<JournalRecord, { kind: Kind }>>;
export type DraftRecord = { [Kind in JournalRecord['kind']]: DraftOf<Kind> }[JournalRecord['kind']];
export type DraftPart = DraftOf<'released'>['parts'][number];

export class JournalDraft {
  readonly records: DraftRecord[];
  /** Leaves `seq` and `batch` as they are. */
  keepsNumbers = false;

  constructor(journal: string) {
    this.records = journal
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as DraftRecord);
  }

  /** Numbers records and batches anew, unless that is what was spoilt. */
  toString(): string {
    if (!this.keepsNumbers) {
      const batches = new Map<number, number>();
      for (const [seq, record] of this.records.entries()) {
        record.seq = seq;
        if (record.kind === 'released') {
          const batch = batches.size;
          batches.set(record.batch === -1 ? -1 - batch : record.batch, batch);
          record.batch = batch;
        } else if (record.kind === 'gave-up') record.batch = batches.get(record.batch)!;
      }
    }
    return this.records.map((record) => `${JSON.stringify(record)}\n`).join('');
  }

  /** The records of one kind that fit, with their places. */
  all<Kind extends JournalRecord['kind']>(
    kind: Kind,
    fits: (record: DraftOf<Kind>, at: number) => boolean = () => true,
  ): { readonly at: number; readonly record: DraftOf<Kind> }[] {
    return this.records.flatMap((record, at) =>
      record.kind === kind && fits(record as DraftOf<Kind>, at) ? [{ at, record: record as DraftOf<Kind> }] : [],
    );
  }

  /** The first of them. @throws Error when there is none: the journal is no place for this mistake. */
  one<Kind extends JournalRecord['kind']>(
    kind: Kind,
    fits: (record: DraftOf<Kind>, at: number) => boolean = () => true,
  ): { readonly at: number; readonly record: DraftOf<Kind> } {
    const [found] = this.all(kind, fits);
    if (found === undefined) throw new Error(`this journal has no ${kind} record that fits`);
    return found;
  }

  remove(at: number): void {
    this.records.splice(at, 1);
  }

  /** At the moment of the record that stands there. */
  insert(at: number, record: Record<string, unknown> & { kind: JournalRecord['kind'] }): void {
    this.records.splice(at, 0, { seq: at, atMs: this.records[at]!.atMs, ...record } as DraftRecord);
  }
}

export function metersIn(set: MeterSet): number[] {
  const meters: number[] = [];
  forEachMeter(set, (meter) => meters.push(meter));
  return meters;
}

export function setOf(meters: readonly number[]): Draft<MeterSet> {
  const set: (number | [number, number])[] = [];
  for (const meter of meters.toSorted((one, other) => one - other)) {
    const last = set.at(-1);
    if (typeof last === 'number' && last === meter - 1) set[set.length - 1] = [last, meter];
    else if (Array.isArray(last) && last[1] === meter - 1) last[1] = meter;
    else set.push(meter);
  }
  return set;
}

export function dayIn(record: { readonly atMs: number }): number {
  return Math.floor(record.atMs / 86_400_000);
}
