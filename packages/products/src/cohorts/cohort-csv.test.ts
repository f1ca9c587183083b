/**
 * Goal (G14.csv): a cohort file is taken as it was meant or not at all; whatever is in it, nothing throws and nothing but the result changes.
 * Method: each trick with its line and column; then random files made of the characters that tricks are made of.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CSV_CELL_CHARACTERS_MAX,
  CSV_CHARACTERS_MAX,
  CSV_COLUMNS_MAX,
  CSV_ROWS_MAX,
  QUOTED_CHARACTERS_MAX,
} from '../limits.js';
import { type Cohort, cohortOfCsv } from './cohort-csv.js';
import { scanCsv } from './csv.js';

const A = '00-DB-12-34-56-78-90-A0';
const B = '00-DB-12-34-56-78-90-A1';
const C = '00-DB-12-34-56-78-90-A2';

function read(text: string): Cohort | readonly [string, number, number] {
  const cohort = cohortOfCsv(text);
  if (cohort.ok) return cohort.value;
  const { code, line, column, message } = cohort.fault;
  expect(message).toMatch(new RegExp(`^line ${line}, column ${column}: .`));
  return [code, line, column];
}

describe('a cohort file', () => {
  const both: Cohort = { deviceIds: [A, B], entryIds: undefined };

  it.each([
    ['as it is', `deviceId\n${A}\n${B}\n`],
    ['without an end of the last line', `deviceId\n${A}\n${B}`],
    ['with CRLF', `deviceId\r\n${A}\r\n${B}\r\n`],
    ['with a byte order mark at the beginning', `\uFEFFdeviceId\n${A}\n${B}\n`],
    ['with quotes', `"deviceId"\n"${A}"\n"${B}"`],
    ['in lower case', `deviceId\n${A.toLowerCase()}\n${B}\n`],
  ])('is taken %s', (_, text) => {
    expect(read(text)).toEqual(both);
  });

  it('says for each device what it runs, if it has that column, on either side', () => {
    const with2 = { deviceIds: [A, B], entryIds: ['E1', 'E-2'] };
    expect(read(`deviceId,entryId\n${A},E1\n${B},E-2\n`)).toEqual(with2);
    expect(read(`entryId,deviceId\nE1,${A}\n"E-2",${B}\n`)).toEqual(with2);
  });

  it.each<readonly [string, string, readonly [string, number, number]]>([
    ['is empty', '', ['header', 1, 1]],
    ['is a byte order mark', '\uFEFF', ['header', 1, 1]],
    ['has a header only', 'deviceId\n', ['no-rows', 2, 1]],
    ['has no header', `${A}\n${B}\n`, ['header', 1, 1]],
    ['has a column that nobody knows', `deviceId,colour\n${A},red\n`, ['header', 1, 10]],
    ['has a column that is called like a method', `deviceId,constructor\n${A},red\n`, ['header', 1, 10]],
    ['has a column twice', `deviceId,deviceId\n${A},${B}\n`, ['header', 1, 10]],
    ['has no column of devices', `entryId\nE1\n`, ['header', 1, 1]],
    ['has a device id too short', `deviceId\n${A}\n00-DB\n`, ['device-id', 3, 1]],
    ['has a device id with a space', `deviceId\n${A} \n`, ['device-id', 2, 1]],
    ['has something before a device id', `deviceId\nx${A}\n`, ['device-id', 2, 1]],
    ['has no device in a row', `entryId,deviceId\nE1,\n`, ['device-id', 2, 4]],
    ['has a device twice', `deviceId\n${A}\n${B}\n${A}\n`, ['duplicate-device', 4, 1]],
    ['has a device twice, in another case', `deviceId\n${A}\n${A.toLowerCase()}\n`, ['duplicate-device', 3, 1]],
    ['has an entry id that is none', `deviceId,entryId\n${A},a b\n`, ['entry-id', 2, 25]],
    ['misses an entry id', `deviceId,entryId\n${A},E1\n${B},\n`, ['entry-id', 3, 25]],
    ['has a cell too many', `deviceId\n${A},E1\n`, ['cell-count', 2, 1]],
    ['has a cell too few', `deviceId,entryId\n${A},E1\n${B}\n`, ['cell-count', 3, 1]],
    ['has an empty line', `deviceId\n\n${A}\n`, ['empty-line', 2, 1]],
    ['ends with two ends of line', `deviceId\n${A}\n\n`, ['empty-line', 3, 1]],
    ['ends its lines in two ways', `deviceId\n${A}\r\n${B}\n`, ['line-end', 2, 24]],
    ['ends its lines in the other two ways', `deviceId\r\n${A}\n`, ['line-end', 2, 24]],
    ['ends a line as the first Macintosh did', `deviceId\r${A}\r`, ['line-end', 1, 9]],
    ['has an empty line of the other kind', `deviceId\n\r\n${A}\n`, ['line-end', 2, 1]],
    ['has a byte order mark inside', `deviceId\n\uFEFF${A}\n`, ['byte-order-mark', 2, 1]],
    ['has two byte order marks', `\uFEFF\uFEFFdeviceId\n${A}\n`, ['byte-order-mark', 1, 1]],
    ['has a byte order mark in quotes', `deviceId\n"${A}\uFEFF"\n`, ['byte-order-mark', 2, 25]],
    ['has a tab', `deviceId\n\t${A}\n`, ['control-character', 2, 1]],
    ['has a NUL', `deviceId\n${A}\u0000\n`, ['control-character', 2, 24]],
    ['has a DEL', `deviceId\n${A}\u007f\n`, ['control-character', 2, 24]],
    ['has a control character of the second kind', `deviceId\n\u009b31m\n`, ['control-character', 2, 1]],
    ['has a control character in quotes', `deviceId\n"${A}\u001b[2J"\n`, ['control-character', 2, 25]],
    ['has a quote in the middle', `deviceId\n00"DB\n`, ['quoting', 2, 3]],
    ['goes on behind a closing quote', `deviceId\n"${A}"x\n`, ['quoting', 2, 26]],
    ['does not close a quote', `deviceId\n"${A}`, ['quoting', 2, 1]],
    ['does not close a quote on its line', `deviceId\n"${A}\n${B}"\n`, ['quoting', 2, 1]],
    ['does not close a quote on its line of two characters', `deviceId\r\n"${A}\r\n${B}"\r\n`, ['quoting', 2, 1]],
    ['has a quoted quote in a device id', `deviceId\n"00""DB"\n`, ['device-id', 2, 1]],
    ['has a formula', `deviceId,entryId\n${A},=HYPERLINK(1)\n`, ['formula', 2, 25]],
    ['has a formula in quotes', `deviceId,entryId\n${A},"=1+1"\n`, ['formula', 2, 25]],
    ['has a formula in the header', `=1\n${A}\n`, ['formula', 1, 1]],
    ['begins a cell with +', `deviceId\n+1\n`, ['formula', 2, 1]],
    ['begins a cell with -', `deviceId\n-1\n`, ['formula', 2, 1]],
    ['begins a cell with @', `deviceId\n@SUM(1)\n`, ['formula', 2, 1]],
    ['has a cell too long', `deviceId\n${'A'.repeat(CSV_CELL_CHARACTERS_MAX + 1)}\n`, ['cell-too-long', 2, 1]],
    ['has a quoted cell too long', `deviceId\n"${'A'.repeat(CSV_CELL_CHARACTERS_MAX + 1)}"\n`, ['cell-too-long', 2, 1]],
    ['has too many columns', `${'a,'.repeat(CSV_COLUMNS_MAX)}a\n`, ['too-many-columns', 1, 2 * CSV_COLUMNS_MAX + 1]],
    ['is too large', ' '.repeat(CSV_CHARACTERS_MAX + 1), ['too-large', 1, 1]],
  ])('that %s is refused, with the place', (_, text, fault) => {
    expect(read(text)).toEqual(fault);
  });

  it('names the line in which a device stood first', () => {
    const cohort = cohortOfCsv(`deviceId\n${A}\n${B}\n${C}\n${B}\n`);
    expect(cohort.ok ? '' : cohort.fault.message).toBe(`line 5, column 1: "${B}" stands in line 3 already`);
  });

  it('is repeated in a message only in part, and without what a terminal would obey', () => {
    for (const [cell, part] of [
      ['\u009b31m', '\\u009b'],
      ['\u202e'.repeat(100), '\\u202e\\u202e'],
    ] as const) {
      const cohort = cohortOfCsv(`deviceId\n${cell}\n`);
      const message = cohort.ok ? '' : cohort.fault.message;
      expect(message).toContain(part);
      expect(message).not.toMatch(/[^ -~…]/);
      expect(message.length).toBeLessThan(100 + 6 * QUOTED_CHARACTERS_MAX);
    }
  });

  it('may have a cell as long as the limit, which is then no device', () => {
    expect(read(`deviceId\n${'A'.repeat(CSV_CELL_CHARACTERS_MAX)}\n`)).toEqual(['device-id', 2, 1]);
  });

  it('may hold a million devices', { timeout: 60_000 }, () => {
    const lines = ['deviceId'];
    for (let k = 0; k < CSV_ROWS_MAX; k += 1) {
      const hex = k.toString(16).padStart(6, '0').toUpperCase();
      lines.push(`00-DB-12-34-56-${hex.slice(0, 2)}-${hex.slice(2, 4)}-${hex.slice(4)}`);
    }
    const cohort = cohortOfCsv(lines.join('\n'));
    expect(cohort.ok && cohort.value.deviceIds.length).toBe(CSV_ROWS_MAX);
  });

  it('may hold no more than that', () => {
    let rows = 0;
    const count = (): undefined => void (rows += 1);
    expect(scanCsv('a\n'.repeat(CSV_ROWS_MAX + 1), count)).toBeUndefined();
    expect(rows).toBe(CSV_ROWS_MAX + 1); // the header is not counted
    const fault = scanCsv('a\n'.repeat(CSV_ROWS_MAX + 2), count);
    expect(fault).toMatchObject({ code: 'too-many-rows', line: CSV_ROWS_MAX + 2, column: 1 });
  });
});

describe('any text', () => {
  const bits = [
    ',',
    '"',
    '""',
    '\n',
    '\r\n',
    '\r',
    '\uFEFF',
    '=',
    '\t',
    '\u0000',
    ' ',
    'deviceId',
    'entryId',
    A,
    B,
    C,
    '__proto__',
    'E1',
  ];
  const text = fc
    .array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...bits) }, fc.string()), { maxLength: 30 })
    .map((parts) => parts.join(''));

  it('is taken or refused with a place in it, and leaves everything else as it was', () => {
    const before = JSON.stringify(Object.getOwnPropertyNames(Object.prototype));
    fc.assert(
      fc.property(text, (given) => {
        const cohort = cohortOfCsv(given);
        const lines = given.replace(/^\uFEFF/, '').split('\n');
        if (cohort.ok) {
          expect(new Set(cohort.value.deviceIds).size).toBe(cohort.value.deviceIds.length);
          return;
        }
        const { line, column } = cohort.fault;
        expect(line).toBeLessThanOrEqual(Math.max(2, lines.length));
        expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1);
      }),
      { numRuns: 5_000, seed: 14 },
    );
    expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype))).toBe(before);
  });

  it('comes back cell by cell when it was written as RFC 4180 says', () => {
    const cell = fc
      .string({ maxLength: 20, unit: fc.constantFrom('a', 'b', ',', '"', ' ', '=', 'é', '€', '😀') })
      .filter((one) => !/^[=+\-@]/.test(one));
    const table = fc
      .integer({ min: 1, max: 4 })
      .chain((width) =>
        fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 5 }),
      );
    const write = (one: string): string => (/[",]/.test(one) || one === '' ? `"${one.replaceAll('"', '""')}"` : one);
    let quotedCells = 0;
    fc.assert(
      fc.property(table, fc.constantFrom('\n', '\r\n'), fc.boolean(), (rows, end, isEnded) => {
        const lines = rows.map((row) => row.map(write).join(','));
        quotedCells += lines.join().split('"').length - 1;
        const found: string[][] = [];
        const fault = scanCsv(lines.join(end) + (isEnded ? end : ''), (cells, line) => {
          expect(line).toBe(found.length + 1);
          for (const { text, column } of cells)
            expect(lines[line - 1]!.slice(column - 1).startsWith(write(text))).toBe(true);
          found.push(cells.map(({ text }) => text));
          return undefined;
        });
        expect([fault, found]).toEqual([undefined, rows]);
      }),
      { numRuns: 2_000, seed: 4180 },
    );
    expect(quotedCells).toBeGreaterThan(1_000);
  });
});
