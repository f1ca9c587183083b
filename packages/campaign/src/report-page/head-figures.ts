/** What an operations group asks first, and where all the meters are. */
import type { CampaignReport, HeadFigures } from '../model/campaign-report.js';
import { type Canvas, type Drawing, figure, legend, rectangles } from './figure.js';
import { type Html, html, NOTHING } from './html.js';
import { scaleOf } from './scale.js';
import { counted, dayWords, grouped, percent, shareOf } from './wording.js';

interface Tile {
  readonly label: string;
  /** Name of the figure in the JSON. */
  readonly key: string;
  readonly value: number | string | undefined;
  readonly shown: string;
  readonly note?: string | undefined;
  readonly isBad?: boolean;
}

export function headTiles(report: CampaignReport): Html {
  return html`<dl class="tiles">
    ${tilesOf(report).map(
      ({ label, key, value, shown, note, isBad }) =>
        html`<div class="tile">
          <dt>${label}</dt>
          <dd class="${isBad === true ? 'figure bad' : 'figure'}" data-figure="${key}" data-v="${value ?? ''}">
            ${shown}
          </dd>
          <dd class="note">${note ?? ''}</dd>
        </div>`,
    )}
  </dl>`;
}

function tilesOf({ head, response, failures, fairness, ended }: CampaignReport): readonly Tile[] {
  const { stages } = head;
  const left = leftOf(head);
  const expired = failures
    .filter(({ of, reason }) => of === 'meter' && EXPIRED.has(reason))
    .reduce((sum, { count }) => sum + count, 0);
  const giveUpDays = response.histogram.at(-1)?.days;
  const ofScope = (count: number): string => `${percent(shareOf(count, head.inScope))} of scope`;
  return [
    {
      label: 'Meters in scope',
      key: 'inScope',
      value: head.inScope,
      shown: grouped(head.inScope),
      note: `of ${grouped(head.meters)}`,
    },
    { label: 'Done', key: 'done', value: stages.done, shown: grouped(stages.done), note: ofScope(stages.done) },
    { label: 'Left', key: 'left', value: left, shown: grouped(left), note: ofScope(left) },
    {
      label: 'Parked',
      key: 'parked',
      value: stages.parked,
      shown: grouped(stages.parked),
      note: 'part of those left',
    },
    {
      label: 'Failed',
      key: 'failed',
      value: stages.failed,
      shown: grouped(stages.failed),
      note: ofScope(stages.failed),
      isBad: stages.failed > 0,
    },
    {
      label: 'Expired',
      key: 'expired',
      value: expired,
      shown: grouped(expired),
      note: 'exempt: no tries or days left',
    },
    {
      label: 'Exempt',
      key: 'exempt',
      value: stages.exempt,
      shown: grouped(stages.exempt),
      note: ofScope(stages.exempt),
    },
    {
      label: ended ? 'End day' : 'Last change so far',
      key: 'endDay',
      value: head.endDay,
      shown: head.endDay === undefined ? '–' : dayWords(head.endDay),
      note: head.firstStartDay === undefined ? 'nothing has started' : `first start ${dayWords(head.firstStartDay)}`,
    },
    {
      label: 'Days at full capacity',
      key: 'fullDays',
      value: head.fullDays,
      shown: grouped(head.fullDays),
      note: `of ${counted(head.startDays, 'day')} with large starts`,
    },
    {
      label: 'Busiest day',
      key: 'busiestDay',
      value: head.busiestDay?.largeStarts,
      shown: head.busiestDay === undefined ? '–' : grouped(head.busiestDay.largeStarts),
      note: head.busiestDay === undefined ? 'no large image yet' : `large images, ${dayWords(head.busiestDay.day)}`,
    },
    {
      label: `Answered within ${counted(response.targetDays, 'day')}`,
      key: 'shareWithin',
      value: response.shareWithin,
      shown: percent(response.shareWithin),
      note: `${grouped(response.within)} in time, ${grouped(response.late)} late`,
    },
    {
      label: giveUpDays === undefined ? 'Releases given up' : `Given up after ${counted(giveUpDays, 'day')}`,
      key: 'gaveUp',
      value: response.gaveUp,
      shown: grouped(response.gaveUp),
      note: `${grouped(response.overdue)} overdue in all`,
    },
    {
      label: 'Large images started',
      key: 'largeStarts',
      value: head.largeStarts,
      shown: grouped(head.largeStarts),
      note: `of ${counted(head.starts, 'start')}`,
    },
    {
      label: 'Starts repeated',
      key: 'retries',
      value: head.retries,
      shown: grouped(head.retries),
      note: `${percent(shareOf(head.retries, head.starts))} of starts`,
    },
    {
      label: 'Fairness',
      key: 'fairness',
      value: fairness.index,
      shown: fairness.index.toFixed(3),
      note: 'Jain’s index, 1 is even',
    },
  ];
}

const EXPIRED: ReadonlySet<string> = new Set(['retries-spent', 'parked-too-long']);

export function leftOf({ inScope, stages }: HeadFigures): number {
  return inScope - stages.done - stages.failed - stages.exempt;
}

/** In the order of a meter's way; together they are all meters in scope. */
const STAGES = [
  { stage: 'done', text: 'done' },
  { stage: 'installed', text: 'on an interim version' },
  { stage: 'released', text: 'under way' },
  { stage: 'scheduled', text: 'waiting, scheduled' },
  { stage: 'waiting', text: 'waiting' },
  { stage: 'parked', text: 'parked' },
  { stage: 'failed', text: 'failed' },
  { stage: 'exempt', text: 'exempt' },
] as const;

export function stagesChart({ head }: CampaignReport): Html {
  if (head.inScope === 0) return NOTHING;
  const present = STAGES.filter(({ stage }) => head.stages[stage] > 0);
  const text = {
    id: 'stages',
    title: 'Where the meters are',
    description: present.map(({ stage, text: name }) => `${grouped(head.stages[stage])} ${name}`).join(', '),
  };
  const entries = present.map(({ stage, text: name }) => ({
    mark: `stage-${stage}`,
    text: `${name} ${grouped(head.stages[stage])}`,
  }));
  return html`${figure(text, (canvas) => drawing(head, canvas))}${legend(entries)}`;
}

function drawing({ inScope, stages }: HeadFigures, canvas: Canvas): Drawing {
  const x = scaleOf(0, inScope, 0, canvas.width);
  let from = 0;
  const parts = STAGES.flatMap(({ stage }) => {
    const count = stages[stage];
    if (count === 0) return [];
    // A sliver is better than nothing: eight failures of 670,000 are what people look for. It may not leave the frame.
    const width = Math.max(LEAST_BAR_UNITS, x(count));
    const box = { x: Math.min(x(from), canvas.width - width), y: 0, width, height: BAR_UNITS };
    from += count;
    return [html`<path class="stage-${stage}" data-mark="${stage}" data-count="1" d="${rectangles([box])}" />`];
  });
  return { height: BAR_UNITS, content: html`${parts}` };
}

const LEAST_BAR_UNITS = 2;
const BAR_UNITS = 18;
