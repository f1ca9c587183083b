/** A cohort of devices from CSV: a header with `deviceId` and, if wanted, `entryId`; then one device a line. */
import type { Checked, CsvFault } from '../errors.js';
import { quoted } from '../errors.js';
import { isName } from '../lists/product-lists.js';
import { type Cell, csvFault, scanCsv } from './csv.js';

export interface Cohort {
  /** EUI-64 as eight pairs of hex digits in upper case with dashes, in the order of the file, none twice. */
  readonly deviceIds: readonly string[];
  /** The CPL entry that each device runs, in the same order; undefined when the file has no such column. Whether it is listed is not looked up. */
  readonly entryIds: readonly string[] | undefined;
}

const DEVICE_ID = /^(?:[0-9A-Fa-f]{2}-){7}[0-9A-Fa-f]{2}$/;
const DEVICE_COLUMN = 'deviceId';
const ENTRY_COLUMN = 'entryId';

/**
 * Reads a whole cohort or none of it.
 *
 * @param text - Of the file, decoded as UTF-8.
 * @returns the cohort; or the first fault, with line and column: those of `scanCsv`, and `header`, `no-rows`, `device-id`, `entry-id`,
 *   `duplicate-device` (in either case of its letters).
 */
export function cohortOfCsv(text: string): Checked<Cohort, CsvFault> {
  const lineOf = new Map<string, number>();
  const entryIds: string[] = [];
  let header: readonly string[] = [];
  const found = scanCsv(text, (cells, line) => {
    if (line === 1) {
      header = cells.map((cell) => cell.text);
      return headerFault(cells);
    }
    const device = cells[header.indexOf(DEVICE_COLUMN)]!;
    if (!DEVICE_ID.test(device.text))
      return cellFault('device-id', device, line, 'is not eight pairs of hex digits with dashes');
    const deviceId = device.text.toUpperCase();
    const before = lineOf.get(deviceId);
    if (before !== undefined) return cellFault('duplicate-device', device, line, `stands in line ${before} already`);
    lineOf.set(deviceId, line);
    const entry = cells[header.indexOf(ENTRY_COLUMN)];
    if (entry === undefined) return undefined;
    if (!isName(entry.text)) return cellFault('entry-id', entry, line, 'is no entry id');
    entryIds.push(entry.text);
    return undefined;
  });
  if (found !== undefined) return { ok: false, fault: found };
  if (header.length === 0) return { ok: false, fault: csvFault('header', 1, 1, `the header is missing: ${WANTED}`) };
  if (lineOf.size === 0) return { ok: false, fault: csvFault('no-rows', 2, 1, 'no device below the header') };
  const hasEntries = header.includes(ENTRY_COLUMN);
  return { ok: true, value: { deviceIds: [...lineOf.keys()], entryIds: hasEntries ? entryIds : undefined } };
}

const WANTED = `the first line is "${DEVICE_COLUMN}", or "${DEVICE_COLUMN},${ENTRY_COLUMN}" in either order`;

function headerFault(cells: readonly Cell[]): CsvFault | undefined {
  const names = cells.map(({ text }) => text);
  const wrong = cells.find(({ text }, k) => !isColumn(text) || names.indexOf(text) < k);
  if (wrong !== undefined) return cellFault('header', wrong, 1, `is no column here or is there twice: ${WANTED}`);
  return names.includes(DEVICE_COLUMN) ? undefined : csvFault('header', 1, 1, `no ${DEVICE_COLUMN}: ${WANTED}`);
}

function isColumn(name: string): boolean {
  return name === DEVICE_COLUMN || name === ENTRY_COLUMN;
}

function cellFault(code: CsvFault['code'], { text, column }: Cell, line: number, what: string): CsvFault {
  return csvFault(code, line, column, `${quoted(text)} ${what}`);
}
