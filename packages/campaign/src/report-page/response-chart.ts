/** Outcomes by whole days since release, against the target response time (MP230). */
import type { CampaignReport, ResponseFigures } from '../model/campaign-report.js';
import {
  bottomAxis,
  type Canvas,
  countAxis,
  type Drawing,
  figure,
  leftOf,
  legend,
  place,
  type Plot,
  rectangles,
  textUnits,
} from './figure.js';
import { type Html, html, NOTHING } from './html.js';
import { countTicks, type Scale, scaleOf, type Tick } from './scale.js';
import { counted, grouped, percent } from './wording.js';

export function responseChart({ response }: CampaignReport): Html {
  const answered = response.histogram.reduce((sum, { starts }) => sum + starts, 0);
  if (answered + response.gaveUp === 0) return html`<p class="none">No start has an outcome yet.</p>`;
  const text = {
    id: 'response',
    title: 'Outcomes, by days since the release',
    description: `${percent(response.shareWithin)} within ${counted(response.targetDays, 'day')}; ${grouped(response.late)} later, ${grouped(response.gaveUp)} given up.`,
  };
  const entries = [
    { mark: 'within', text: 'within the target' },
    { mark: 'late', text: 'later' },
    ...(response.gaveUp > 0 ? [{ mark: 'given-up', text: 'given up, no outcome' }] : []),
  ];
  return html`${legend(entries)}${figure(text, (canvas) => drawing(response, canvas))}`;
}

/** "under 1", "1 to 2", and for the last row, which also counts what took longer, "7 and more". */
export function daysWords(days: number, isLast: boolean): string {
  if (isLast) return `${days} and more`;
  return days === 0 ? 'under 1' : `${days} to ${days + 1}`;
}

interface Bar {
  readonly mark: 'within' | 'late' | 'given-up';
  readonly label: string;
  readonly starts: number;
}

/** What was given up stands last: it has no outcome, and no day for one. */
function barsOf({ histogram, targetDays, gaveUp }: ResponseFigures): readonly Bar[] {
  const answered = histogram.map(({ days, starts }, index): Bar => {
    const isLast = index === histogram.length - 1;
    const label = isLast ? `${days}+` : days === 0 ? '<1' : `${days}–${days + 1}`;
    return { mark: days < targetDays ? 'within' : 'late', label, starts };
  });
  return gaveUp === 0 ? answered : [...answered, { mark: 'given-up', label: 'none', starts: gaveUp }];
}

function drawing(response: ResponseFigures, canvas: Canvas): Drawing {
  const { targetDays, histogram } = response;
  const bars = barsOf(response);
  const height = canvas.kind === 'wide' ? 280 : 250;
  const ticks = countTicks(
    bars.reduce((most, { starts }) => Math.max(most, starts), 0),
    4,
  );
  const plot: Plot = { left: leftOf(ticks), right: canvas.width - 6, top: 48, bottom: height - 44 };
  const x = scaleOf(0, bars.length, plot.left, plot.right);
  const y = scaleOf(0, ticks.at(-1)?.at ?? 1, plot.bottom, plot.top);
  const barUnits = (plot.right - plot.left) / bars.length;
  // Never so low that a few late ones vanish beside hundreds of thousands.
  const tallOf = ({ starts }: Bar): number => Math.max(LEAST_BAR_UNITS, plot.bottom - y(starts));
  const content = html`${countAxis(plot, ticks, y, 'starts')}${bottomAxis(plot, canvas.width, labelsOf(bars, barUnits), x)}<text
      class="unit"
      x="${canvas.width / 2}"
      y="${height - 6}"
      text-anchor="middle"
      >days from release to outcome</text
    >${MARKS.map((mark) => layer(mark, bars, x, barUnits, plot, tallOf))}${values(bars, x, barUnits, plot, tallOf)}${
      targetDays <= histogram.length ? target(targetDays, x(targetDays), plot, canvas) : NOTHING
    }`;
  return { height, content };
}

const LEAST_BAR_UNITS = 2;
const MARKS = ['within', 'late', 'given-up'] as const;

function layer(
  mark: Bar['mark'],
  bars: readonly Bar[],
  x: Scale,
  barUnits: number,
  { bottom }: Plot,
  tallOf: (bar: Bar) => number,
): Html {
  const gap = Math.min(16, barUnits * 0.2);
  const boxes = bars.flatMap((bar, index) => {
    if (bar.mark !== mark || bar.starts === 0) return [];
    const tall = tallOf(bar);
    return [{ x: x(index) + gap / 2, y: bottom - tall, width: barUnits - gap, height: tall }];
  });
  if (boxes.length === 0) return NOTHING;
  return html`<path class="${mark}" data-mark="${mark}" data-count="${boxes.length}" d="${rectangles(boxes)}" />`;
}

/** One label under each bar, or under every second, third … where there is no room. */
function labelsOf(bars: readonly Bar[], barUnits: number): readonly Tick[] {
  const widest = Math.max(...bars.map(({ label }) => textUnits(label, 12))) + 2;
  const step = Math.max(1, Math.ceil(widest / barUnits));
  return bars.flatMap(({ label }, index) => (index % step === 0 ? [{ at: index + 0.5, label }] : []));
}

/** All of them or none: a figure that is left out looks like a zero. */
function values(
  bars: readonly Bar[],
  x: Scale,
  barUnits: number,
  { bottom }: Plot,
  tallOf: (bar: Bar) => number,
): Html {
  if (bars.some(({ starts }) => textUnits(grouped(starts), 12) > barUnits)) return NOTHING;
  return html`${bars.map((bar, index) =>
    bar.starts === 0
      ? NOTHING
      : html`<text
          class="value"
          data-tick="value"
          x="${place(x(index + 0.5))}"
          y="${place(bottom - tallOf(bar) - 5)}"
          text-anchor="middle"
          >${grouped(bar.starts)}</text
        >`,
  )}`;
}

function target(days: number, x: number, { top, bottom }: Plot, canvas: Canvas): Html {
  const label = `target: ${counted(days, 'day')}`;
  const isLeft = x + textUnits(label, 12) + 6 > canvas.width;
  return html`<line
      class="target"
      data-mark="target"
      x1="${place(x)}"
      x2="${place(x)}"
      y1="${top - 22}"
      y2="${bottom}"
    /><text
      class="target-text"
      x="${place(x + (isLeft ? -6 : 6))}"
      y="${top - 13}"
      text-anchor="${isLeft ? 'end' : 'start'}"
      >${label}</text
    >`;
}
