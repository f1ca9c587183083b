/**
 * Checks a proof that no path exists, for somebody who does not trust the planner. It shares no code with it: what a rule says is written down
 * here a second time, on purpose.
 */
import type { CplEntry, EpclEntry, Product, ProductLists } from '../lists/product-lists.js';
import type { ForbiddenHop, HopOptions, NoPathProof } from './hop-plan.js';

export type ProofVerdict = { readonly ok: true } | { readonly ok: false; readonly why: string };

/**
 * @param from, to, options - What `planHops` was asked.
 * @returns whether the proof holds, and else the first thing that is wrong with it.
 */
export function checkProof(
  lists: ProductLists,
  from: string,
  to: string,
  options: HopOptions,
  proof: NoPathProof,
): ProofVerdict {
  const byId = (id: string): CplEntry | undefined => lists.cpl.find(({ entryId }) => entryId === id);
  if (proof.kind === 'not-listed') {
    if (proof.entryId !== from && proof.entryId !== to) return wrong(`${proof.entryId} was not asked for`);
    return byId(proof.entryId) === undefined ? { ok: true } : wrong(`${proof.entryId} is listed`);
  }
  const inside = new Set(proof.reachable);
  if (!inside.has(from)) return wrong(`the beginning ${from} is outside`);
  if (inside.has(to)) return wrong(`the target ${to} is inside`);
  const leaving = lists.cpl.flatMap((entry) =>
    entry.upgradableFrom === 'N/A' || inside.has(entry.entryId)
      ? []
      : entry.upgradableFrom.filter((id) => inside.has(id)).map((id) => `${id} to ${entry.entryId}`),
  );
  const named = new Set(proof.forbidden.map((hop) => `${hop.from} to ${hop.to}`));
  const unnamed = leaving.find((hop) => !named.has(hop));
  if (unnamed !== undefined) return wrong(`the step from ${unnamed} leaves, and no rule is given against it`);
  for (const hop of proof.forbidden) {
    const one = byId(hop.from);
    const next = byId(hop.to);
    if (one === undefined || next === undefined || !holds(hop, one, next, lists.epcl, to, options))
      return wrong(`${hop.rule} does not forbid the step from ${hop.from} to ${hop.to}`);
  }
  return { ok: true };
}

/** Whether what the rule says is so. */
function holds(
  { rule }: ForbiddenHop,
  one: CplEntry,
  next: CplEntry,
  epcl: readonly EpclEntry[],
  targetId: string,
  options: HopOptions,
): boolean {
  const isLast = next.entryId === targetId;
  const isAsked = options.combination !== 'not-asked' && (isLast || options.combinationAt === 'every-version');
  const same = epcl.filter(({ products }) => isSameSet(products, [next, ...(options.beside ?? [])]));
  switch (rule) {
    case 'takes-no-update':
      return !one.takesUpdates;
    case 'other-model':
      return one.deviceModel !== next.deviceModel;
    case 'other-hardware':
      return one.hardware !== next.hardware;
    case 'not-active':
      return ['Cancelled', 'Expired', 'Withdrawn'].includes(next.status);
    case 'not-operable':
      return !next.operable;
    case 'target-takes-no-update':
      return isLast && options.targetTakesUpdates !== false && !next.takesUpdates;
    case 'combination-not-listed':
      return isAsked && same.length === 0;
    case 'combination-not-approved':
      return isAsked && same.length > 0 && !same.some((entry) => permits(entry, options));
  }
}

function permits(entry: EpclEntry, { day, combination }: HopOptions): boolean {
  if (entry.status === 'approved' && !(day < entry.approvedOn)) return true;
  if (combination === 'approved') return false;
  const on = entry.route?.kind === 'b' ? entry.route.reportPublishedOn : entry.route?.testingCompleteOn;
  return on !== undefined && !(day < on);
}

function isSameSet(listed: readonly Product[], there: readonly Product[]): boolean {
  const isSame = (one: Product, other: Product): boolean =>
    one.deviceModel === other.deviceModel &&
    one.hardware === other.hardware &&
    one.firmwareVersion === other.firmwareVersion;
  return (
    listed.length === there.length &&
    listed.every((one) => there.some((other) => isSame(one, other))) &&
    there.every((one) => listed.some((other) => isSame(one, other)))
  );
}

function wrong(why: string): ProofVerdict {
  return { ok: false, why };
}
