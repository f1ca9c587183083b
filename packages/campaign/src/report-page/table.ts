/** Tables of figures. A number is there twice: grouped for people, and whole in `data-v` for whoever compares the page with the JSON. */
import { PAGE_TABLE_ROWS_MAX } from '../limits.js';
import { type Html, html, NOTHING } from './html.js';
import { counted, grouped, percent } from './wording.js';

export interface Column<Row> {
  /** Name of the figure in the JSON. */
  readonly key: string;
  readonly head: string;
  readonly value: (row: Row) => number | string | undefined;
  /** Of a number; without it, it is counted. */
  readonly kind?: 'share';
}

export interface Table<Row> {
  readonly id: string;
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
}

/** The first column names the row. */
export function table<Row>({ id, caption, columns, rows }: Table<Row>): Html {
  const shown = rows.slice(0, PAGE_TABLE_ROWS_MAX);
  const isNumeric = columns.map(({ value }) => shown.some((row) => typeof value(row) === 'number'));
  const heads = columns.map(
    ({ key, head }, index) => html`<th scope="col" ${classOf(isNumeric[index] === true)} data-c="${key}">${head}</th>`,
  );
  const lines = shown.map(
    (row) =>
      html`<tr>
        ${columns.map((column, index) => cell(column, row, index, isNumeric[index] === true))}
      </tr>`,
  );
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${caption}">
      <table data-table="${id}" data-rows="${rows.length}">
        <caption>
          ${caption}
        </caption>
        <thead>
          <tr>
            ${heads}
          </tr>
        </thead>
        <tbody>
          ${lines}
        </tbody>
      </table>
    </div>
    ${
      shown.length < rows.length
        ? html`<p class="note">
            These are the first ${counted(shown.length, 'row')} of ${grouped(rows.length)}. The CSV files have all of
            them.
          </p>`
        : NOTHING
    }`;
}

/** A table that is looked up rather than read. */
export function foldedTable<Row>(content: Table<Row>): Html {
  if (content.rows.length === 0) return NOTHING;
  return html`<details>
    <summary>Table: ${content.caption}</summary>
    ${table(content)}
  </details>`;
}

function cell<Row>({ value, kind }: Column<Row>, row: Row, index: number, isNumeric: boolean): Html {
  const content = value(row);
  if (index === 0) return html`<th scope="row" ${dataOf(content)}>${words(content, kind)}</th>`;
  return html`<td${classOf(isNumeric)}${dataOf(content)}>${words(content, kind)}</td>`;
}

function classOf(isNumeric: boolean): Html {
  return isNumeric ? html` class="n"` : NOTHING;
}

function dataOf(content: number | string | undefined): Html {
  return typeof content === 'number' ? html` data-v="${content}"` : NOTHING;
}

function words(content: number | string | undefined, kind: 'share' | undefined): string {
  if (content === undefined) return '–';
  if (typeof content === 'string') return content;
  return kind === 'share' ? percent(content) : grouped(content);
}
