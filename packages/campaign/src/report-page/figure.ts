/**
 * What all charts have in common. A chart is drawn twice, for a desk and for a hand: text in an SVG shrinks with it, and without a script
 * nothing can lay a chart out anew. The style sheet shows one of the two.
 */
import { NARROW_UNITS, WIDE_UNITS } from '../limits.js';
import { type Html, html } from './html.js';
import type { Scale, Tick } from './scale.js';

/** Lengths are in units of the drawing, about one CSS pixel each. */
export interface Canvas {
  readonly kind: 'wide' | 'narrow';
  readonly width: number;
}

const CANVASES: readonly Canvas[] = [
  { kind: 'wide', width: WIDE_UNITS },
  { kind: 'narrow', width: NARROW_UNITS },
];

export interface Drawing {
  readonly height: number;
  readonly content: Html;
}

export interface FigureText {
  /** Of the chart, for ids. */
  readonly id: string;
  /** What is drawn. */
  readonly title: string;
  /** What one sees in it, for those who do not. */
  readonly description: string;
}

/** The drawing at both sizes; shapes marked `data-mark` are the data, everything else is frame. */
export function figure(text: FigureText, draw: (canvas: Canvas) => Drawing): Html {
  return html`<div class="chart" data-chart="${text.id}">
    ${CANVASES.map((canvas) => oneOf(text, canvas, draw(canvas)))}
  </div>`;
}

function oneOf({ id, title, description }: FigureText, { kind, width }: Canvas, { height, content }: Drawing): Html {
  const key = `${id}-${kind}`;
  return html`<svg
    class="${kind}"
    viewBox="0 0 ${width} ${place(height)}"
    role="img"
    aria-labelledby="${key}-t ${key}-d"
  >
    <title id="${key}-t">${title}</title>
    <desc id="${key}-d">${description}</desc>
    ${content}
  </svg>`;
}

/** One decimal is finer than any screen; more of them only make the file longer. */
export function place(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The part of a drawing that holds data. */
export interface Plot {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Horizontal lines with their labels; the lowest one is the base. */
export function countAxis(plot: Plot, ticks: readonly Tick[], scale: Scale, unit: string): Html {
  const lines = ticks.map(({ at, label }) => {
    const y = place(scale(at));
    return html`<line
        class="${at === 0 ? 'base' : 'grid'}"
        x1="${plot.left}"
        x2="${plot.right}"
        y1="${y}"
        y2="${y}"
      /><text class="tick" data-tick="y" x="${plot.left - 8}" y="${y + 4}" text-anchor="end">${label}</text>`;
  });
  return html`<text class="unit" x="0" y="12">${unit}</text>${lines}`;
}

/** Labels under the plot, with a small stroke each; `isLined` draws the stroke through the plot. A label that would leave the drawing is left out. */
export function bottomAxis(plot: Plot, width: number, ticks: readonly Tick[], scale: Scale, isLined = false): Html {
  const fitting = ticks.filter(({ at, label }) => {
    const half = textUnits(label, 12) / 2;
    return scale(at) - half >= 0 && scale(at) + half <= width;
  });
  return html`${fitting.map(({ at, label }) => {
    const x = place(scale(at));
    return html`<line
        class="${isLined ? 'grid' : 'base'}"
        x1="${x}"
        x2="${x}"
        y1="${isLined ? plot.top : plot.bottom}"
        y2="${plot.bottom + 5}"
      /><text class="tick" data-tick="x" x="${x}" y="${plot.bottom + 19}" text-anchor="middle">${label}</text>`;
  })}`;
}

/** Room on the left for labels of the count axis. */
export function leftOf(ticks: readonly Tick[]): number {
  return Math.ceil(Math.max(...ticks.map(({ label }) => textUnits(label, 12))) + 12);
}

/** Width of a text, estimated for a wide typeface: nothing can be measured where the page is made. */
export function textUnits(text: string, sizeUnits: number): number {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width * sizeUnits;
}

/** In parts of the size of the type. */
function widthOf(character: string): number {
  if (character > LAST_OF_NARROW_SCRIPTS || /[MWmw@%…]/.test(character)) return 1;
  return /[A-Z]/.test(character) ? 0.75 : 0.62;
}

/** After it come scripts whose signs fill a square. */
const LAST_OF_NARROW_SCRIPTS = '\u10FF';

/** The text as far as there is room for it. */
export function clipped(text: string, sizeUnits: number, roomUnits: number): string {
  if (textUnits(text, sizeUnits) <= roomUnits) return text;
  let shown = '';
  let units = textUnits('…', sizeUnits);
  for (const character of text) {
    units += textUnits(character, sizeUnits);
    if (units > roomUnits) break;
    shown += character;
  }
  return `${shown}…`;
}

/** Rectangles as one path: a figure with thousands of them stays small. Those without an area are left out. */
export function rectangles(
  boxes: readonly { readonly x: number; readonly y: number; readonly width: number; readonly height: number }[],
): string {
  return boxes
    .filter(({ width, height }) => width > 0 && height > 0)
    .map(({ x, y, width, height }) => {
      // At least a tenth each way, or rounding would hide a small figure.
      const [w, h] = [Math.max(0.1, place(width)), Math.max(0.1, place(height))];
      return `M${place(x)} ${place(y)}h${w}v${h}h${-w}z`;
    })
    .join('');
}

/** What the colours of a chart stand for. `mark` names a class of the style sheet. */
export function legend(entries: readonly { readonly mark: string; readonly text: string }[]): Html {
  return html`<ul class="legend">
    ${entries.map(({ mark, text }) => html`<li><span class="swatch ${mark}"></span>${text}</li>`)}
  </ul>`;
}
