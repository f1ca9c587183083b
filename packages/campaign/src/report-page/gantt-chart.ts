/** Releases of each request by day, how long they were under way, and when nothing could start. */
import { MS_PER_DAY } from '../limits.js';
import type { BatchRow, CampaignReport, HoldRow, RequestRow } from '../model/campaign-report.js';
import { checkedDay } from '../time/civil.js';
import { chosenRequests, leftOut } from './chosen-requests.js';
import { type DayAxis, dayAxis } from './day-axis.js';
import { bottomAxis, type Canvas, type Drawing, figure, legend, place, type Plot, rectangles } from './figure.js';
import { type Html, html, NOTHING } from './html.js';
import { ROW_UNITS, rowTexts, SHAPE_TOP_UNITS, SHAPE_UNITS } from './rows-chart.js';
import { counted, grouped } from './wording.js';

export function ganttChart(report: CampaignReport): Html {
  const { requests, batches, holds, days } = report;
  if (requests.length === 0 || days.length === 0) return html`<p class="none">Nothing has been asked for yet.</p>`;
  const shown = chosenRequests(requests, requests);
  const text = {
    id: 'gantt',
    title: 'Releases by request and day, with pauses and halts',
    description: `${counted(requests.length, 'request')}, ${counted(batches.length, 'day')} of releases in all, ${counted(holds.length, 'hold')}.`,
  };
  const entries = [
    { mark: 'released', text: 'released, against the busiest day of the request' },
    { mark: 'under-way', text: 'under way until the last outcome' },
    ...(holds.length > 0 ? [{ mark: 'held', text: 'no new starts: pause, halt, stop or abort' }] : []),
  ];
  return html`${legend(entries)}${leftOut(shown.length, requests.length)}${figure(text, (canvas) => drawing(report, shown, canvas))}`;
}

/** Rows that a hold without a request reaches: a halt spares the security requests for whose sake it was made. */
function isHeld({ kind, requestId }: HoldRow, request: RequestRow): boolean {
  if (requestId !== undefined) return requestId === request.requestId;
  return kind !== 'halt' || request.priority !== 'security';
}

function drawing(report: CampaignReport, requests: readonly RequestRow[], canvas: Canvas): Drawing {
  const bottom = requests.length * ROW_UNITS;
  const plot: Plot = { left: 1, right: canvas.width - 1, top: 0, bottom };
  const axis = dayAxis(report, canvas, plot);
  const height = bottom + 28;
  if (axis === undefined) return { height, content: NOTHING };
  const names = new Map(report.users.map(({ userId, name }) => [userId, name]));
  const texts = requests.map(({ requestId, userId, done, meters }) => ({
    label: `${requestId} · ${names.get(userId) ?? userId}`,
    value: `${grouped(done)} of ${grouped(meters)}`,
  }));
  const byRequest = new Map<string, BatchRow[]>();
  for (const row of report.batches) {
    const known = byRequest.get(row.requestId);
    if (known === undefined) byRequest.set(row.requestId, [row]);
    else known.push(row);
  }
  const rows = requests.map((request, index) => {
    const top = index * ROW_UNITS + SHAPE_TOP_UNITS;
    const own = byRequest.get(request.requestId) ?? [];
    const held = report.holds.filter((hold) => isHeld(hold, request));
    return html`${holdsOf(held, report, axis, top)}${batchesOf(own, report, axis, top)}`;
  });
  const content = html`${bottomAxis(plot, canvas.width, axis.ticks, axis.scale, true)}<line
      class="base"
      x1="${plot.left}"
      x2="${plot.right}"
      y1="${bottom}"
      y2="${bottom}"
    />${rows}${rowTexts(texts, canvas, 0)}`;
  return { height, content };
}

function batchesOf(rows: readonly BatchRow[], report: CampaignReport, axis: DayAxis, top: number): Html {
  if (rows.length === 0) return NOTHING;
  const gap = Math.min(1, axis.dayUnits * 0.15);
  const base = top + SHAPE_UNITS;
  const busiest = rows.reduce((most, { meters }) => Math.max(most, meters), 1);
  const boxes = rows.map(({ day, meters }) => {
    const tall = Math.max(LEAST_BAR_UNITS, (SHAPE_UNITS * meters) / busiest);
    return { x: axis.scale(checkedDay(day)) + gap / 2, y: base - tall, width: axis.dayUnits - gap, height: tall };
  });
  const tails = rows.map(({ firstReleaseAtMs, settledAtMs = report.lastAtMs }) => {
    const [from, to] = [momentOf(axis, firstReleaseAtMs), momentOf(axis, settledAtMs)];
    return { x: from, y: base + 2, width: Math.max(1, to - from), height: 2 };
  });
  return html`<path class="under-way" data-mark="under-way" data-count="${rows.length}" d="${rectangles(tails)}" /><path
      class="released"
      data-mark="released"
      data-count="${rows.length}"
      d="${rectangles(boxes)}"
    />`;
}

const LEAST_BAR_UNITS = 2;

function holdsOf(holds: readonly HoldRow[], report: CampaignReport, axis: DayAxis, top: number): Html {
  return html`${holds.map(({ kind, reason, fromMs, toMs = report.lastAtMs }) => {
    const from = momentOf(axis, fromMs);
    const width = Math.max(1.5, momentOf(axis, toMs) - from);
    return html`<rect
      class="held"
      data-mark="held"
      x="${place(Math.min(from, axis.scale(axis.last + 1) - width))}"
      y="${top - 1}"
      width="${place(width)}"
      height="${SHAPE_UNITS + 6}"
      ><title>${kind}: ${reason}</title></rect
    >`;
  })}`;
}

/** Within the days of the report: an outcome after the last record belongs to nobody. */
function momentOf({ first, last, scale }: DayAxis, atMs: number): number {
  return scale(Math.min(last + 1, Math.max(first, atMs / MS_PER_DAY)));
}
