/** Which Users have a colour of their own, and what is drawn as "all others". */
import { PAGE_USERS_MAX } from '../limits.js';
import type { CampaignReport, DayRow } from '../model/campaign-report.js';
import { counted } from './wording.js';

export interface Series {
  /** Class of the style sheet, and key of the table's column. */
  readonly mark: string;
  readonly name: string;
  readonly startsOf: (day: DayRow) => number;
}

/** Most large starts first; Users without any have none. Together they are all large starts of a day. */
export function seriesOf({ users, days }: CampaignReport): readonly Series[] {
  const starts = startsOfDays(days);
  const ordered = users
    .filter(({ largeStarts }) => largeStarts > 0)
    .toSorted((one, other) => other.largeStarts - one.largeStarts);
  // One alone behind the coloured ones gets the grey for itself.
  const own = ordered.slice(0, PAGE_USERS_MAX);
  const rest = ordered.slice(PAGE_USERS_MAX);
  const series = own.map(({ userId, name }, index): Series => ({
    mark: `user-${index + 1}`,
    name,
    startsOf: (day) => starts.get(day)?.get(userId) ?? 0,
  }));
  if (rest.length === 0) return series;
  const others: Series = {
    mark: 'user-others',
    name: rest.length === 1 ? (rest[0]?.name ?? '') : counted(rest.length, 'other User'),
    startsOf: (day) => rest.reduce((sum, { userId }) => sum + (starts.get(day)?.get(userId) ?? 0), 0),
  };
  return [...series, others];
}

function startsOfDays(days: readonly DayRow[]): ReadonlyMap<DayRow, ReadonlyMap<string, number>> {
  return new Map(
    days.map((day) => [day, new Map(day.byUser.map(({ userId, largeStarts }) => [userId, largeStarts]))] as const),
  );
}
