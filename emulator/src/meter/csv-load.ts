/**
 * A load out of a CSV text: a header, then one line for each time. The first column is the time, the others say what flows from
 * that line's time until the next line's: as energy (`import_wh`, `export_wh`) or as power (`import_w`, `export_w`).
 */
import { MeterError } from '../errors.js';
import { CSV_LINES_MAX, DAY_S, FLOW_W_MAX, HOUR_S, MINUTE_S, WATT_SECONDS_PER_WH } from '../limits.js';
import type { Flow, LoadSource } from './load-source.js';
import { dayOfDate } from './tariff.js';

const COLUMNS = { import_wh: 'importWs', export_wh: 'exportWs', import_w: 'importWs', export_w: 'exportWs' } as const;
type Column = keyof typeof COLUMNS;

interface Row {
  readonly line: number;
  readonly atS: number;
  readonly values: readonly number[];
}

export interface CsvLoadOptions {
  /** Begin again after the last line, for ever; otherwise nothing flows outside the text. */
  readonly repeats?: boolean;
}

/**
 * @param text - `time,import_wh` and lines such as `2026-01-01T00:00:00Z,312` or `1767225600,312`. Times grow; the last
 *   line lasts as long as the one before it. Half hours, seconds, or anything else: a line lasts until the next one.
 * @throws MeterError `bad-load` with the number of the line that is wrong
 */
export function csvLoad(text: string, options: CsvLoadOptions = {}): LoadSource {
  const lines = text.split(/\r?\n/);
  if (lines.length > CSV_LINES_MAX) throw bad(CSV_LINES_MAX, `the text has more than ${CSV_LINES_MAX} lines; cut it`);
  const columns = columnsOf(lines[0] ?? '');
  const rows = lines.slice(1).flatMap((line, i) => rowOf(line, i + 2, columns));
  rows.forEach((row, i) => {
    if (i > 0 && row.atS <= rows[i - 1]!.atS) throw bad(row.line, 'times must grow from line to line');
  });
  if (rows.length < 2)
    throw bad(lines.length, 'at least two lines with a time are needed: a line lasts until the next one');
  return loadOf(rows, columns, options.repeats ?? false);
}

/** Energy of a column up to each line, and from there on. */
interface Curve {
  readonly times: readonly number[];
  readonly energyWs: readonly number[];
}

function loadOf(rows: readonly Row[], columns: readonly Column[], repeats: boolean): LoadSource {
  const startS = rows[0]!.atS;
  const endS = 2 * rows.at(-1)!.atS - rows.at(-2)!.atS;
  const times = [...rows.map(({ atS }) => atS), endS];
  const curves = new Map<keyof Flow, Curve>();
  columns.forEach((column, index) => {
    let total = 0;
    const energyWs = [0];
    rows.forEach((row, i) => {
      const seconds = times[i + 1]! - row.atS;
      const rowWs = Math.round(row.values[index]! * (column.endsWith('_wh') ? WATT_SECONDS_PER_WH : seconds));
      if (rowWs > FLOW_W_MAX * seconds)
        throw bad(row.line, `its ${column} is more than ${FLOW_W_MAX} W for ${seconds} s`);
      total += rowWs;
      energyWs.push(total);
    });
    curves.set(COLUMNS[column], { times, energyWs });
  });
  const periodS = endS - startS;
  const upTo = (name: keyof Flow, atS: number): number => {
    const curve = curves.get(name);
    if (curve === undefined) return 0;
    const rounds = repeats ? Math.floor((atS - startS) / periodS) : 0;
    return rounds * curve.energyWs.at(-1)! + energyUpTo(curve, atS - rounds * periodS);
  };
  // Differences of one function of time: whatever the steps, nothing is lost and nothing counted twice.
  return (fromS, toS) => ({
    importWs: upTo('importWs', toS) - upTo('importWs', fromS),
    exportWs: upTo('exportWs', toS) - upTo('exportWs', fromS),
  });
}

function energyUpTo({ times, energyWs }: Curve, atS: number): number {
  if (atS <= times[0]!) return 0;
  if (atS >= times.at(-1)!) return energyWs.at(-1)!;
  let low = 0;
  let high = times.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= atS) low = middle;
    else high = middle;
  }
  const share = (atS - times[low]!) / (times[high]! - times[low]!);
  return energyWs[low]! + Math.floor((energyWs[high]! - energyWs[low]!) * share);
}

function columnsOf(header: string): readonly Column[] {
  const [time, ...names] = header.split(',').map((name) => name.trim().toLowerCase());
  const columns = names.filter((name): name is Column => Object.hasOwn(COLUMNS, name));
  const known = Object.keys(COLUMNS).join(', ');
  if (time !== 'time' || columns.length === 0 || columns.length < names.length) {
    throw bad(1, `the header must be "time" and then one or more of ${known}`);
  }
  if (new Set(columns.map((column) => COLUMNS[column])).size < columns.length) {
    throw bad(1, 'import and export can each be given once, as energy or as power');
  }
  return columns;
}

function rowOf(line: string, number: number, columns: readonly Column[]): readonly Row[] {
  if (line.trim() === '') return [];
  const [time = '', ...cells] = line.split(',').map((cell) => cell.trim());
  if (cells.length !== columns.length)
    throw bad(number, `it has ${cells.length} values; the header names ${columns.length}`);
  const values = cells.map((cell, i) => {
    const value = /^\d+(\.\d+)?$/.test(cell) ? Number(cell) : Number.NaN;
    if (!(value <= 1_000_000_000)) throw bad(number, `"${cell}" is no ${columns[i]}: a number from 0 to 1,000,000,000`);
    return value;
  });
  return [{ line: number, atS: timeOf(time, number), values }];
}

function timeOf(cell: string, line: number): number {
  if (/^\d{1,10}$/.test(cell)) return Number(cell);
  const parts = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d))?Z$/.exec(cell);
  if (parts !== null) {
    const [year, month, day, hour, minute, second] = parts.slice(1).map((part) => Number(part ?? 0));
    const days = dayOfDate(year!, month!, day!);
    if (days !== undefined && days >= 0 && hour! < 24 && minute! < 60 && second! < 60) {
      return days * DAY_S + hour! * HOUR_S + minute! * MINUTE_S + second!;
    }
  }
  throw bad(line, `"${cell}" is no time: seconds since 1970, or UTC such as 2026-01-01T00:30:00Z`);
}

function bad(line: number, message: string): MeterError {
  return new MeterError('bad-load', `line ${line}: ${message}`);
}
