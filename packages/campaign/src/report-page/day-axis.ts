/** The axis of days that burn-down, capacity and Gantt chart share: all three show the same days. */
import type { CampaignReport } from '../model/campaign-report.js';
import { checkedDay } from '../time/civil.js';
import { type Canvas, type Plot, textUnits } from './figure.js';
import { dayTicks, type Scale, scaleOf, type Tick } from './scale.js';

export interface DayAxis {
  readonly first: number;
  readonly last: number;
  /** Where a day begins; fractions are moments in it. */
  readonly scale: Scale;
  readonly dayUnits: number;
  readonly ticks: readonly Tick[];
}

/** Undefined without a day. */
export function dayAxis({ days }: CampaignReport, canvas: Canvas, { left, right }: Plot): DayAxis | undefined {
  const [one, other] = [days[0], days.at(-1)];
  if (one === undefined || other === undefined) return undefined;
  const [first, last] = [checkedDay(one.day), checkedDay(other.day)];
  const width = right - left;
  const scale = scaleOf(first, last + 1, left, right);
  const gapUnits = canvas.kind === 'wide' ? 28 : 10;
  return {
    first,
    last,
    scale,
    dayUnits: width / (last + 1 - first),
    ticks: dayTicks(first, last, (ticks) => areApart(ticks, scale, gapUnits)),
  };
}

/** Labels stand centred at their ticks, with room between each two. */
function areApart(ticks: readonly Tick[], scale: Scale, gapUnits: number): boolean {
  return ticks.every(({ at, label }, index) => {
    const next = ticks[index + 1];
    if (next === undefined) return true;
    return scale(next.at) - scale(at) >= (textUnits(label, 12) + textUnits(next.label, 12)) / 2 + gapUnits;
  });
}
