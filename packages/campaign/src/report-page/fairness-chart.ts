/** How much longer the first half of each request took than it would have alone. */
import type { CampaignReport, Fairness } from '../model/campaign-report.js';
import { chosenRequests, leftOut } from './chosen-requests.js';
import { type Canvas, type Drawing, figure, legend, rectangles } from './figure.js';
import { type Html, html } from './html.js';
import { ROW_UNITS, rowTexts, SHAPE_TOP_UNITS, SHAPE_UNITS } from './rows-chart.js';
import { scaleOf } from './scale.js';
import { counted, grouped, percent } from './wording.js';

type Speed = Fairness['speeds'][number];

export function fairnessChart({ fairness, requests }: CampaignReport): Html {
  const { speeds } = fairness;
  if (speeds.length === 0) return html`<p class="none">No large image has started yet.</p>`;
  const shown = chosenRequests(speeds, requests);
  const text = {
    id: 'fairness',
    title: 'Days for the first half of each request, and alone',
    description: `Jain’s index over ${counted(speeds.length, 'request')} is ${fairness.index.toFixed(3)}; 1 is even.`,
  };
  const entries = [
    { mark: 'alone', text: 'days alone, first half' },
    { mark: 'took', text: 'days taken, first half' },
  ];
  return html`${legend(entries)}${leftOut(shown.length, speeds.length)}${figure(text, (canvas) => drawing(shown, canvas))}`;
}

export function speedOf({ aloneDays, tookDays }: Speed): number {
  return tookDays === 0 ? 1 : Math.min(1, aloneDays / tookDays);
}

function drawing(speeds: readonly Speed[], canvas: Canvas): Drawing {
  const longest = speeds.reduce((most, { aloneDays, tookDays }) => Math.max(most, aloneDays, tookDays), 1);
  const x = scaleOf(0, longest, 0, canvas.width);
  const texts = speeds.map((speed) => ({
    label: speed.requestId,
    value: `${grouped(speed.aloneDays)} of ${counted(speed.tookDays, 'day')}, ${percent(speedOf(speed))}`,
  }));
  const layer = (mark: string, daysOf: (speed: Speed) => number, inset: number): Html => {
    const boxes = speeds.map((speed, index) => ({
      x: 0,
      y: index * ROW_UNITS + SHAPE_TOP_UNITS + inset,
      width: x(daysOf(speed)),
      height: SHAPE_UNITS - 2 * inset,
    }));
    const count = speeds.filter((speed) => daysOf(speed) > 0).length;
    return html`<path class="${mark}" data-mark="${mark}" data-count="${count}" d="${rectangles(boxes)}" />`;
  };
  const content = html`${rowTexts(texts, canvas, 0)}${layer('took', ({ tookDays }) => tookDays, 0)}${layer('alone', ({ aloneDays }) => aloneDays, 3)}`;
  return { height: speeds.length * ROW_UNITS, content };
}
