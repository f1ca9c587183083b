/** Meters without an end, day by day, beside the plan. */
import type { CampaignReport, DayRow } from '../model/campaign-report.js';
import { type DayAxis, dayAxis } from './day-axis.js';
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
} from './figure.js';
import { type Html, html, NOTHING } from './html.js';
import { countTicks, type Scale, scaleOf } from './scale.js';
import { counted, dayWords, grouped } from './wording.js';

export function burnDownChart(report: CampaignReport): Html {
  const { days } = report;
  const last = days.at(-1);
  if (last === undefined) return html`<p class="none">No day has passed yet.</p>`;
  const text = {
    id: 'burn-down',
    title: 'Meters left, by day',
    description: `From ${dayWords(days[0]?.day ?? last.day)} to ${dayWords(last.day)}; ${counted(last.left, 'meter')} left on the last day.`,
  };
  const isPlanned = hasPlan(report);
  const entries = [
    { mark: 'line-left', text: 'left' },
    ...(isPlanned ? [{ mark: 'line-planned', text: 'left, as planned' }] : []),
  ];
  return html`${legend(entries)}${figure(text, (canvas) => drawing(report, canvas))}`;
}

export function hasPlan({ days }: CampaignReport): boolean {
  return days.some(({ plannedLeft }) => plannedLeft !== undefined);
}

function drawing(report: CampaignReport, canvas: Canvas): Drawing {
  const { days } = report;
  const height = canvas.kind === 'wide' ? 300 : 240;
  const highest = days.reduce((most, { left, plannedLeft = 0 }) => Math.max(most, left, plannedLeft), 0);
  const ticks = countTicks(highest, 5);
  const plot: Plot = { left: leftOf(ticks), right: canvas.width - 6, top: 28, bottom: height - 28 };
  const axis = dayAxis(report, canvas, plot);
  if (axis === undefined) return { height, content: NOTHING };
  const y = scaleOf(0, ticks.at(-1)?.at ?? 1, plot.bottom, plot.top);
  const left = points(days, axis, y, (day) => day.left);
  const planned = points(days, axis, y, (day) => day.plannedLeft);
  const ends = { from: left[0]?.x ?? plot.left, to: left.at(-1)?.x ?? plot.left };
  const last = left.at(-1);
  const content = html`${countAxis(plot, ticks, y, 'meters left')}${bottomAxis(plot, canvas.width, axis.ticks, axis.scale)}<path
      class="area-left"
      d="M${place(ends.from)} ${plot.bottom}${pathOf(left, 'L')}L${place(ends.to)} ${plot.bottom}z"
    />${
      planned.length === 0
        ? NOTHING
        : html`<path
            class="line-planned"
            data-mark="planned"
            data-count="${planned.length}"
            d="${lineOf(planned, axis)}"
          />`
    }<path class="line-left" data-mark="left" data-count="${left.length}" d="${lineOf(left, axis)}" />${
      last === undefined ? NOTHING : html`<circle class="dot-left" cx="${place(last.x)}" cy="${place(last.y)}" r="4" />`
    }${canvas.kind === 'wide' ? hovers(days, axis, plot) : NOTHING}`;
  return { height, content };
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A figure is that of the end of its day. */
function points(
  days: readonly DayRow[],
  { first, scale }: DayAxis,
  y: Scale,
  valueOf: (day: DayRow) => number | undefined,
): readonly Point[] {
  return days.flatMap((day, index) => {
    const value = valueOf(day);
    return value === undefined ? [] : [{ x: scale(first + index + 1), y: y(value) }];
  });
}

function pathOf(line: readonly Point[], begin: 'M' | 'L' = 'M'): string {
  return line.map(({ x, y }, index) => `${index === 0 ? begin : 'L'}${place(x)} ${place(y)}`).join('');
}

/** A line through one point would not be seen: it is drawn through its day. */
function lineOf(line: readonly Point[], { dayUnits }: DayAxis): string {
  const [only] = line;
  if (only === undefined || line.length > 1) return pathOf(line);
  return `M${place(only.x - dayUnits)} ${place(only.y)}H${place(only.x)}`;
}

function hovers(days: readonly DayRow[], { first, scale, dayUnits }: DayAxis, { top, bottom }: Plot): Html {
  return html`${days.map(
    (day, index) =>
      html`<rect
        class="hover"
        x="${place(scale(first + index))}"
        y="${top}"
        width="${place(dayUnits)}"
        height="${bottom - top}"
        ><title>
          ${dayWords(day.day)}: ${grouped(day.left)}
          left${day.plannedLeft === undefined ? '' : `, ${grouped(day.plannedLeft)} planned`}
        </title></rect
      >`,
  )}`;
}
