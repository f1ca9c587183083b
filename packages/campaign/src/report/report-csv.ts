/** The tables of a report as CSV files. */
import type { CampaignReport } from '../model/campaign-report.js';

export interface CsvFile {
  /** `days.csv` and so on. */
  readonly name: string;
  /** Lines end with CR LF, cells are quoted where RFC 4180 demands it. */
  readonly text: string;
}

type Cell = string | number | boolean | undefined;

/** One file for each table. Text that a spreadsheet would take for a formula has an apostrophe before it. */
export function reportCsv(report: CampaignReport): readonly CsvFile[] {
  const { days, users, requests, cohorts, failures, batches, rescheduled, holds, versions, response } = report;
  return [
    file(
      'days',
      days.map(({ byUser: _byUser, marks, ...day }) => ({
        ...day,
        plannedLeft: day.plannedLeft,
        marks: marks.join('; '),
      })),
    ),
    file(
      'days-by-user',
      days.flatMap(({ day, byUser }) => byUser.map((one) => ({ day, ...one }))),
    ),
    file('response', response.histogram),
    file('failures', failures),
    file('users', users),
    file('requests', requests),
    file(
      'cohorts',
      cohorts.map(({ path, ...cohort }) => ({ ...cohort, path: path.join(' > ') })),
    ),
    file('batches', batches),
    file('rescheduled', rescheduled),
    file('holds', holds),
    file('versions', versions),
  ];
}

function file(name: string, rows: readonly object[]): CsvFile {
  const header = Object.keys(rows[0] ?? {});
  const lines = [header, ...rows.map((row) => header.map((key) => (row as Readonly<Record<string, Cell>>)[key]))];
  return { name: `${name}.csv`, text: lines.map((cells) => `${cells.map(cellOf).join(',')}\r\n`).join('') };
}

function cellOf(value: Cell): string {
  if (typeof value !== 'string') return value === undefined ? '' : String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
