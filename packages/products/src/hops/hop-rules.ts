/** Which rule, if any, forbids one step. */
import { ProductsError } from '../errors.js';
import { isDay } from '../lists/calendar-day.js';
import type { CplEntry, EpclEntry, ProductLists } from '../lists/product-lists.js';
import { productKey } from '../lists/product-lists.js';
import type { HopOptions, HopRule } from './hop-plan.js';

/** The rule against the step from one entry to the next, or undefined when it is allowed. */
export type RuleAgainst = (from: CplEntry, to: CplEntry) => HopRule | undefined;

/** @throws {@link ProductsError} when `options.day` is no day. */
export function hopRules(lists: ProductLists, targetId: string, options: HopOptions): RuleAgainst {
  if (!isDay(options.day)) throw new ProductsError(`the day ${options.day} is not written as 2026-11-30`);
  const { targetTakesUpdates = true, combinationAt = 'target' } = options;
  const combinationRule = combinationRules(lists.epcl, options);
  return (from, to) => {
    const isTarget = to.entryId === targetId;
    if (!from.takesUpdates) return 'takes-no-update';
    if (to.deviceModel !== from.deviceModel) return 'other-model';
    if (to.hardware !== from.hardware) return 'other-hardware';
    if (to.status !== 'Active') return 'not-active';
    if (!to.operable) return 'not-operable';
    if (isTarget && targetTakesUpdates && !to.takesUpdates) return 'target-takes-no-update';
    return isTarget || combinationAt === 'every-version' ? combinationRule(to) : undefined;
  };
}

function combinationRules(epcl: readonly EpclEntry[], options: HopOptions): (entry: CplEntry) => HopRule | undefined {
  const { combination, day, beside = [] } = options;
  if (combination === 'not-asked') return () => undefined;
  // Whether one of the entries for this combination will do; absent when there is none.
  const listed = new Map<string, boolean>();
  for (const entry of epcl) {
    const key = combinationKey(entry.products.map(productKey));
    const will = isApproved(entry, day) || (combination === 'approved-or-tested' && isTested(entry, day));
    listed.set(key, will || listed.get(key) === true);
  }
  const besideKeys = beside.map(productKey);
  return (entry) => {
    const will = listed.get(combinationKey([...besideKeys, productKey(entry)]));
    if (will === undefined) return 'combination-not-listed';
    return will ? undefined : 'combination-not-approved';
  };
}

function combinationKey(products: readonly string[]): string {
  return products.toSorted().join('\n');
}

function isApproved(entry: EpclEntry, day: string): boolean {
  return entry.status === 'approved' && entry.approvedOn <= day;
}

function isTested({ route }: EpclEntry, day: string): boolean {
  if (route === undefined) return false;
  const on = route.kind === 'a' ? route.testingCompleteOn : route.reportPublishedOn;
  return on !== undefined && on <= day;
}
