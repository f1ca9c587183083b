/** Numbers, days and reasons as people read them. */
import type { MeterReason } from '../model/campaign-state.js';
import { MS_PER_DAY, MS_PER_MINUTE } from '../limits.js';
import { checkedDay, civilOfDay, dayOf, textOfDay } from '../time/civil.js';

/** 12,000; fractions keep up to two digits. */
export function grouped(value: number): string {
  const rounded = Math.round(Math.abs(value) * 100) / 100;
  const [whole = '', fraction] = String(rounded).split('.');
  const digits = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  const sign = value < 0 && rounded > 0 ? '−' : '';
  return sign + digits + (fraction === undefined ? '' : `.${fraction}`);
}

/** One decimal, rounded down: 100 % means all of them, and what is not nothing never reads 0 %. */
export function percent(share: number): string {
  if (share === 0 || share === 1) return `${share * 100} %`;
  const tenths = Math.floor(share * 1000 + ROUNDING);
  return tenths === 0 ? 'under 0.1 %' : `${(tenths / 10).toFixed(1)} %`;
}

// 0.29 × 1000 is a little under 290.
const ROUNDING = 1e-9;

export function shareOf(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** "1 meter", "2,000 meters". */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

export function monthName(month: number): string {
  return MONTHS[month - 1] ?? '';
}

/** "4 Mar 2026", from `2026-03-04`. */
export function dayWords(day: string): string {
  const { year, month, date } = civilOfDay(checkedDay(day));
  return `${date} ${monthName(month)} ${year}`;
}

/** "2026-03-04 13:05", UTC. */
export function instantWords(atMs: number): string {
  const day = dayOf(atMs);
  const minutes = Math.floor((atMs - day * MS_PER_DAY) / MS_PER_MINUTE);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${textOfDay(day)} ${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

export function reasonWords(reason: MeterReason): string {
  return REASONS[reason];
}

const REASONS: Readonly<Record<MeterReason, string>> = {
  none: 'no reason',
  'no-answer': 'no answer',
  'broken-off': 'transfer broken off',
  'not-sealed': 'image did not arrive whole',
  'gave-up': 'given up: no outcome in time',
  'no-image-held': 'meter held no image',
  'hash-mismatch': 'hash of the image differs',
  'activation-failure': 'activation failed',
  reverted: 'meter went back to the old version',
  refused: 'refused',
  'retries-spent': 'retries spent',
  'parked-too-long': 'parked too long',
  'no-path': 'no way to the target version',
  'request-refused': 'request refused',
  'churned-away': 'went to another Supplier',
  aborted: 'aborted',
  'aborted-on-interim-version': 'aborted on an interim version',
  'already-there': 'ran the target already',
};
