/** Which requests a chart shows when there are too many: those with most meters, in the order of the input. */
import { PAGE_CHART_ROWS_MAX } from '../limits.js';
import type { RequestRow } from '../model/campaign-report.js';
import { type Html, html, NOTHING } from './html.js';
import { grouped } from './wording.js';

export function chosenRequests<T extends { readonly requestId: string }>(
  rows: readonly T[],
  requests: readonly RequestRow[],
): readonly T[] {
  if (rows.length <= PAGE_CHART_ROWS_MAX) return rows;
  const meters = new Map(requests.map((row) => [row.requestId, row.meters]));
  const metersOf = ({ requestId }: T): number => meters.get(requestId) ?? 0;
  const largest = new Set(rows.toSorted((one, other) => metersOf(other) - metersOf(one)).slice(0, PAGE_CHART_ROWS_MAX));
  return rows.filter((row) => largest.has(row));
}

/** Said wherever a chart leaves requests out. */
export function leftOut(shown: number, all: number): Html {
  if (shown >= all) return NOTHING;
  return html`<p class="note">The ${grouped(shown)} requests with most meters are drawn, of ${grouped(all)}.</p>`;
}
