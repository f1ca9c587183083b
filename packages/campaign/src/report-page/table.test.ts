import { describe, expect, it } from 'vitest';
import { PAGE_TABLE_ROWS_MAX } from '../limits.js';
import { foldedTable, table, type Table } from './table.js';

function tableOf(rows: readonly number[]): Table<number> {
  return {
    id: 'numbers',
    caption: 'Numbers',
    rows,
    columns: [
      { key: 'name', head: 'name', value: (row) => `n${row}` },
      { key: 'value', head: 'value', value: (row) => (row < 0 ? undefined : row) },
    ],
  };
}

describe('a table', () => {
  it('has each number grouped for people and whole for programs, and a dash for none', () => {
    const { markup } = table(tableOf([12_000, -1]));
    expect(markup).toContain('<td class="n" data-v="12000">12,000</td>');
    expect(markup).toContain('<td class="n">–</td>');
  });

  it('says how many rows it leaves out', () => {
    const full = Array.from({ length: PAGE_TABLE_ROWS_MAX }, (_, index) => index);
    expect(table(tableOf(full)).markup).not.toContain('These are the first');
    const { markup } = table(tableOf([...full, 7]));
    expect(markup).toContain('These are the first 1,000 rows of 1,001.');
    expect(markup.match(/<tr>/g)).toHaveLength(PAGE_TABLE_ROWS_MAX + 1);
  });

  it('is not there when it is looked up rather than read, and has no rows', () => {
    expect(foldedTable(tableOf([])).markup).toBe('');
    expect(foldedTable(tableOf([1])).markup).toContain('<summary>Table: Numbers</summary>');
  });
});
