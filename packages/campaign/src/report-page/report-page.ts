/** The report of a campaign as one page for people: no script, nothing fetched, readable wherever the file is sent. */
import { MS_PER_DAY } from '../limits.js';
import type { CampaignReport } from '../model/campaign-report.js';
import { textOfDay, dayOf } from '../time/civil.js';
import { burnDownChart } from './burn-down-chart.js';
import { capacityChart } from './capacity-chart.js';
import { failuresChart } from './failures-chart.js';
import { fairnessChart, speedOf } from './fairness-chart.js';
import { ganttChart } from './gantt-chart.js';
import { headTiles, leftOf, stagesChart } from './head-figures.js';
import { type Html, html, NOTHING } from './html.js';
import { responseChart } from './response-chart.js';
import { stagesTable } from './stages-table.js';
import { STYLE, STYLE_HASH } from './style.js';
import { foldedTable, table } from './table.js';
import {
  batchesTable,
  capacityTable,
  cohortsTable,
  daysTable,
  failuresTable,
  fairnessTable,
  holdsTable,
  noticesTable,
  requestsTable,
  rescheduledTable,
  responseTable,
  usersTable,
  versionsTable,
} from './tables.js';
import { counted, dayWords, grouped, instantWords, percent } from './wording.js';

/**
 * One HTML document, UTF-8, that stands alone. Every figure is one of the report; numbers are there whole in `data-v`. The same report gives
 * the same octets. Text from the input is shown, never obeyed.
 *
 * @throws {@link CampaignError} `misuse` for a report with days that no calendar has.
 */
export function reportPage(report: CampaignReport): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>Campaign ${report.campaignId}</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        ${header(report)}
        <main>${sections(report)}</main>
        ${footer(report)}
      </body>
    </html> `;
  return page.markup;
}

/** To the octet: the hash is of what stands between the tags. */
const STYLE_ELEMENT: Html = { markup: `<style>${STYLE}</style>` };

/** Nothing may run, load or be sent. The one style sheet is known by its hash, so that not even a style can be slipped in. */
const POLICY = `default-src 'none'; style-src '${STYLE_HASH}'; base-uri 'none'; form-action 'none'`;

function header(report: CampaignReport): Html {
  const { head, ended, campaignId } = report;
  const status = ended
    ? 'Ended: every meter in scope has its end.'
    : `Under way: ${counted(leftOf(head), 'meter')} of ${grouped(head.inScope)} without an end.`;
  return html`<header>
    <p class="kind">Firmware campaign</p>
    <h1>${campaignId}</h1>
    <p class="status ${ended ? 'is-ended' : 'is-open'}">${status}</p>
    <p class="period">${period(report)}</p>
  </header>`;
}

function period({ days, firstAtMs, lastAtMs, records }: CampaignReport): string {
  if (records === 0) return 'The journal is empty.';
  const [from, to] = [textOfDay(dayOf(firstAtMs)), textOfDay(dayOf(lastAtMs))];
  return `${dayWords(from)} to ${dayWords(to)}, ${counted(days.length || dayCount(firstAtMs, lastAtMs), 'day')}, UTC.`;
}

function dayCount(firstAtMs: number, lastAtMs: number): number {
  return Math.floor((lastAtMs - firstAtMs) / MS_PER_DAY) + 1;
}

function sections(report: CampaignReport): Html {
  return html`${[
    section(
      'figures',
      'Figures',
      '',
      html`${headTiles(report)}${stagesChart(report)}${foldedTable(stagesTable(report))}`,
    ),
    section(
      'burn-down',
      'Burn-down',
      'Meters in scope without an end, at the end of each day.',
      html`${burnDownChart(report)}${foldedTable(daysTable(report))}`,
    ),
    section(
      'capacity',
      'Capacity used',
      'Large images started each day, by User, under the capacity that all Users share.',
      html`${capacityChart(report)}${foldedTable(capacityTable(report))}`,
    ),
    section(
      'response',
      'Response times',
      responseWords(report),
      html`${responseChart(report)}${foldedTable(responseTable(report))}`,
    ),
    section(
      'failures',
      'Failures',
      'What went wrong, most first.',
      html`${failuresChart(report)}${foldedTable(failuresTable(report))}`,
    ),
    section(
      'gantt',
      'Releases by request',
      'Meters done of all meters at the right.',
      html`${ganttChart(report)}${foldedTable(batchesTable(report))}${foldedTable(holdsTable(report))}`,
    ),
    section(
      'fairness',
      'Fairness',
      fairnessWords(report),
      html`${fairnessChart(report)}${foldedTable(fairnessTable(report))}`,
    ),
    section('users', 'Users', '', table(usersTable(report))),
    section(
      'requests',
      'Requests and cohorts',
      '',
      html`${table(requestsTable(report))}${foldedTable(cohortsTable(report))}`,
    ),
    section('versions', 'Versions', '', table(versionsTable(report))),
    others(report),
  ]}`;
}

function section(id: string, title: string, lead: string, content: Html): Html {
  return html`<section id="${id}" aria-labelledby="${id}-h">
    <h2 id="${id}-h">${title}</h2>
    ${lead === '' ? NOTHING : html`<p class="lead">${lead}</p>`}${content}
  </section> `;
}

function others(report: CampaignReport): Html {
  const { rescheduled, notices } = report;
  if (rescheduled.length === 0 && notices.length === 0) return NOTHING;
  const content = html`${foldedTable(rescheduledTable(report))}${foldedTable(noticesTable(report))}`;
  return section('others', 'Rescheduled, and notices', '', content);
}

function responseWords({ response }: CampaignReport): string {
  const { targetDays, within, late, gaveUp, shareWithin } = response;
  const decided = within + late + gaveUp;
  return `From the release of a batch to the outcome of each meter. The target is ${counted(targetDays, 'day')}: ${grouped(within)} of ${grouped(decided)} decided starts met it, ${percent(shareWithin)}.`;
}

function fairnessWords({ fairness }: CampaignReport): string {
  const words =
    'The speed of a request is the days that the first half of its large images would have needed alone, over the days that they took. Halts and pauses count as they fell.';
  const slowest = fairness.speeds.reduce((least, speed) => Math.min(least, speedOf(speed)), 1);
  return fairness.speeds.length === 0
    ? words
    : `${words} The slowest ran at ${percent(slowest)}. Jain’s index over all speeds is ${fairness.index.toFixed(3)}: 1 when all were slowed down alike.`;
}

function footer({ inputDigest, records, lastAtMs, format }: CampaignReport): Html {
  return html`<footer>
    <p>
      From ${counted(records, 'record')} of the
      journal${records === 0 ? '' : `, the last one of ${instantWords(lastAtMs)} UTC`}. Report format ${format}. All
      days are UTC.
    </p>
    <p>SHA-256 of the input: <code>${inputDigest}</code></p>
  </footer>`;
}
