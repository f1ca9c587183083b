/** What a reporter gathers from a journal while it reads. */
import type { BatchRow, DayRow, HoldRow, NoticeRow, RescheduledRow } from '../model/campaign-report.js';
import type { MeterReason } from '../model/campaign-state.js';

export interface Gathered {
  records: number;
  firstAtMs: number;
  lastAtMs: number;
  /** Of the last record that changed a meter. */
  lastMeterMs: number | undefined;
  starts: number;
  retries: number;
  readonly days: Map<number, GatheredDay>;
  readonly broken: Map<MeterReason, number>;
  readonly answersByDay: number[];
  within: number;
  late: number;
  gaveUp: number;
  /** By (request, day). */
  readonly batches: Map<string, GatheredBatch>;
  readonly releasedMs: number[];
  readonly batchRows: GatheredBatch[];
  readonly requests: GatheredRequest[];
  readonly smallByUser: Map<number, number>;
  readonly holds: HoldRow[];
  readonly rescheduled: RescheduledRow[];
  readonly notices: NoticeRow[];
}

export interface GatheredDay {
  readonly byUser: Map<number, number>;
  largeStarts: number;
  smallStarts: number;
  installed: number;
  /** At the end of the day, as far as the journal goes. */
  close: Pick<DayRow, 'done' | 'failed' | 'exempt' | 'parked' | 'left'>;
  capacity: number;
  otherTraffic: number;
  readonly marks: string[];
}

export type GatheredBatch = { -readonly [K in keyof BatchRow]: BatchRow[K] } & { open: number };

export interface GatheredRequest {
  largeStarts: number;
  firstStartDay: number | undefined;
  lastStartDay: number | undefined;
  readonly largeByDay: Map<number, number>;
}
