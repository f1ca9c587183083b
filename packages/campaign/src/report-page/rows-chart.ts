/** Rows with a line of text above each: used for horizontal bars, where labels are longer than any margin on a small screen. */
import { type Canvas, clipped, textUnits } from './figure.js';
import { type Html, html } from './html.js';

export const ROW_UNITS = 42;
/** Of the shapes in a row, under its text. */
export const SHAPE_TOP_UNITS = 20;
export const SHAPE_UNITS = 12;

export interface RowText {
  readonly label: string;
  /** At the right edge, so that figures of all rows stand under each other. */
  readonly value: string;
}

export function rowTexts(rows: readonly RowText[], canvas: Canvas, top: number): Html {
  return html`${rows.map(({ label, value }, index) => {
    const y = top + index * ROW_UNITS + 12;
    const room = canvas.width - textUnits(value, 12) - 12;
    return html`<text class="row" x="0" y="${y}">${clipped(label, 12.5, room)}</text
      ><text class="value" x="${canvas.width}" y="${y}" text-anchor="end">${value}</text>`;
  })}`;
}
