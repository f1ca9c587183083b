/** What went wrong, most first: starts that were tried again, and meters that ended so. */
import type { CampaignReport, FailureRow } from '../model/campaign-report.js';
import { type Canvas, type Drawing, figure, legend, rectangles } from './figure.js';
import { type Html, html, NOTHING } from './html.js';
import { ROW_UNITS, rowTexts, SHAPE_TOP_UNITS, SHAPE_UNITS } from './rows-chart.js';
import { scaleOf } from './scale.js';
import { counted, grouped, reasonWords } from './wording.js';

const KINDS = [
  { of: 'start', mark: 'of-start', text: 'starts that are tried again' },
  { of: 'meter', mark: 'of-meter', text: 'meters that ended so' },
] as const;

export function failuresChart({ failures }: CampaignReport): Html {
  if (failures.length === 0) return html`<p class="none">Nothing has failed.</p>`;
  const sum = (of: FailureRow['of']): number =>
    failures.reduce((total, row) => total + (row.of === of ? row.count : 0), 0);
  const text = {
    id: 'failures',
    title: 'Failures by reason',
    description: `${counted(sum('start'), 'start')} went wrong and can be tried again; ${counted(sum('meter'), 'meter')} ended without the target version.`,
  };
  return html`${legend(KINDS)}${figure(text, (canvas) => drawing(failures, canvas))}`;
}

function drawing(failures: readonly FailureRow[], canvas: Canvas): Drawing {
  const highest = failures.reduce((most, { count }) => Math.max(most, count), 1);
  const x = scaleOf(0, highest, 0, canvas.width);
  const texts = failures.map(({ reason, count }) => ({ label: reasonWords(reason), value: grouped(count) }));
  const layers = KINDS.map(({ of, mark }) => {
    const boxes = failures.flatMap((row, index) =>
      row.of === of && row.count > 0
        ? [
            {
              x: 0,
              y: index * ROW_UNITS + SHAPE_TOP_UNITS,
              width: Math.max(LEAST_BAR_UNITS, x(row.count)),
              height: SHAPE_UNITS,
            },
          ]
        : [],
    );
    return boxes.length === 0
      ? NOTHING
      : html`<path class="${mark}" data-mark="${mark}" data-count="${boxes.length}" d="${rectangles(boxes)}" />`;
  });
  return { height: failures.length * ROW_UNITS, content: html`${rowTexts(texts, canvas, 0)}${layers}` };
}

const LEAST_BAR_UNITS = 2;
