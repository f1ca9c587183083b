/** Large images by day and User, stacked under the capacity, with what changed. */
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
  rectangles,
  textUnits,
} from './figure.js';
import { type Html, html, NOTHING } from './html.js';
import { countTicks, type Scale, scaleOf } from './scale.js';
import { type Series, seriesOf } from './users-in-colour.js';
import { counted, dayWords, grouped } from './wording.js';

export function capacityChart(report: CampaignReport): Html {
  const { days, head } = report;
  if (days.length === 0) return html`<p class="none">No day has passed yet.</p>`;
  const series = seriesOf(report);
  const hasOther = days.some(({ otherTraffic }) => otherTraffic > 0);
  const text = {
    id: 'capacity',
    title: 'Large images started, by day and User, and the capacity',
    description: `${counted(head.largeStarts, 'large image')} on ${counted(head.startDays, 'day')}; ${grouped(head.fullDays)} of these days used all of the spare capacity.`,
  };
  const entries = [
    ...series.map(({ mark, name }) => ({ mark, text: name })),
    ...(hasOther ? [{ mark: 'other-traffic', text: 'other traffic' }] : []),
    { mark: 'line-capacity', text: 'capacity' },
    ...(markedDays(report).length > 0 ? [{ mark: 'change', text: 'something changed' }] : []),
  ];
  return html`${legend(entries)}${figure(text, (canvas) => drawing(report, series, canvas))}${changes(report)}`;
}

/** Days on which something changed, numbered as in the chart. */
function markedDays({ days }: CampaignReport): readonly DayRow[] {
  return days.filter(({ marks }) => marks.length > 0);
}

function drawing(report: CampaignReport, series: readonly Series[], canvas: Canvas): Drawing {
  const { days } = report;
  const height = canvas.kind === 'wide' ? 340 : 270;
  const highest = days.reduce(
    (most, { capacity, otherTraffic, largeStarts }) => Math.max(most, capacity, otherTraffic + largeStarts),
    0,
  );
  const ticks = countTicks(highest, 5);
  const plot: Plot = { left: leftOf(ticks), right: canvas.width - 6, top: 44, bottom: height - 28 };
  const axis = dayAxis(report, canvas, plot);
  if (axis === undefined) return { height, content: NOTHING };
  const y = scaleOf(0, ticks.at(-1)?.at ?? 1, plot.bottom, plot.top);
  const content = html`${countAxis(plot, ticks, y, 'large images a day')}${bottomAxis(plot, canvas.width, axis.ticks, axis.scale)}${stacks(
      days,
      series,
      axis,
      y,
    )}<path
      class="line-capacity"
      data-mark="capacity"
      data-count="${days.length}"
      d="${capacityLine(days, axis, y)}"
    />${changeMarks(report, axis, plot)}${canvas.kind === 'wide' ? hovers(days, series, axis, plot) : NOTHING}`;
  return { height, content };
}

/** One path for each User; other traffic lies lowest, since it goes first. */
function stacks(
  days: readonly DayRow[],
  series: readonly Series[],
  { first, scale, dayUnits }: DayAxis,
  y: Scale,
): Html {
  const gap = Math.min(2, dayUnits * 0.15);
  const tops = days.map(() => 0);
  const layer = (mark: string, valueOf: (day: DayRow) => number): Html => {
    const boxes = days.map((day, index) => {
      const value = valueOf(day);
      const from = tops[index] ?? 0;
      tops[index] = from + value;
      return {
        x: scale(first + index) + gap / 2,
        y: y(from + value),
        width: dayUnits - gap,
        height: y(from) - y(from + value),
      };
    });
    const count = days.filter((day) => valueOf(day) > 0).length;
    if (count === 0) return NOTHING;
    return html`<path class="${mark}" data-mark="${mark}" data-count="${count}" d="${rectangles(boxes)}" />`;
  };
  return html`${layer('other-traffic', ({ otherTraffic }) => otherTraffic)}${series.map(({ mark, startsOf }) => layer(mark, startsOf))}`;
}

function capacityLine(days: readonly DayRow[], { first, scale }: DayAxis, y: Scale): string {
  return days
    .map(({ capacity }, index) => {
      const start = index === 0 ? `M${place(scale(first))} ${place(y(capacity))}` : `V${place(y(capacity))}`;
      return `${start}H${place(scale(first + index + 1))}`;
    })
    .join('');
}

function changeMarks(report: CampaignReport, { first, scale, dayUnits }: DayAxis, { top, bottom }: Plot): Html {
  const { days } = report;
  let number = 0;
  let freeFrom = Number.NEGATIVE_INFINITY;
  const marks = days.flatMap(({ marks: texts }, index) => {
    if (texts.length === 0) return [];
    number += 1;
    const x = place(scale(first + index) + dayUnits / 2);
    const half = textUnits(String(number), 11) / 2 + 2;
    // Every change has its stroke; a number only where it touches no other.
    const isNumbered = x - half >= freeFrom;
    if (isNumbered) freeFrom = x + half;
    return [
      html`<line class="change" data-mark="change" x1="${x}" x2="${x}" y1="${top - 10}" y2="${bottom}" />${
          isNumbered
            ? html`<text class="change-number" data-tick="change" x="${x}" y="${top - 14}" text-anchor="middle"
                >${number}</text
              >`
            : NOTHING
        }`,
    ];
  });
  return html`${marks}`;
}

function changes(report: CampaignReport): Html {
  const marked = markedDays(report);
  if (marked.length === 0) return NOTHING;
  return html`<details class="changes" ${{ markup: marked.length <= FEW_CHANGES ? ' open' : '' }}>
    <summary>What changed, ${counted(marked.length, 'day')}</summary>
    <ol>
      ${marked.map(({ day, marks }) => html`<li><span class="when">${dayWords(day)}</span> ${marks.join('; ')}</li>`)}
    </ol>
  </details>`;
}

const FEW_CHANGES = 12;

function hovers(
  days: readonly DayRow[],
  series: readonly Series[],
  { first, scale, dayUnits }: DayAxis,
  { top, bottom }: Plot,
): Html {
  return html`${days.map((day, index) => {
    const parts = series.flatMap(({ name, startsOf }) => {
      const starts = startsOf(day);
      return starts === 0 ? [] : [`${name} ${grouped(starts)}`];
    });
    const other = day.otherTraffic === 0 ? [] : [`other traffic ${grouped(day.otherTraffic)}`];
    const words = [`${dayWords(day.day)}: ${grouped(day.largeStarts)} of ${grouped(day.capacity)}`, ...parts, ...other];
    return html`<rect
      class="hover"
      x="${place(scale(first + index))}"
      y="${top}"
      width="${place(dayUnits)}"
      height="${bottom - top}"
      ><title>${words.join('\n')}</title></rect
    >`;
  })}`;
}
