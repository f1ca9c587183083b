/** Upgrade pathways (MP231, TMAD 4.33) by a search of the checker's own, over the product lists of the input. */
import type { CplEntry } from './input.js';

export const HOPS_MAX = 8;

/** Why firmware `to` may not be put onto a meter that runs `from`; undefined: it may. */
export function edgeFault(from: CplEntry | undefined, to: CplEntry | undefined): string | undefined {
  if (from === undefined || to === undefined) return 'an entry is not in the product list';
  if (to.upgradableFrom === 'N/A' || !to.upgradableFrom.includes(from.entryId))
    return `${to.entryId} does not name ${from.entryId} in its upgradableFrom`;
  if (to.deviceModel !== from.deviceModel || to.hardware !== from.hardware)
    return `${to.entryId} is of another model or hardware than ${from.entryId}`;
  if (to.status !== 'Active') return `${to.entryId} is ${to.status}`;
  if (!to.operable) return `a meter does not work on ${to.entryId}`;
  if (!to.takesUpdates) return `${to.entryId} takes no further update`;
  if (!from.takesUpdates) return `${from.entryId} takes no update`;
  return undefined;
}

/**
 * Fewest hops from one entry to the other, breadth first; undefined: there is no way of whatever length. Images of `without` are not used.
 */
export function fewestHops(
  cpl: ReadonlyMap<string, CplEntry>,
  from: string,
  to: string,
  without: ReadonlySet<string> = new Set(),
): number | undefined {
  let frontier = [from];
  const seen = new Set(frontier);
  for (let hops = 0; frontier.length > 0; hops += 1) {
    if (frontier.includes(to)) return hops;
    const next = [...cpl.values()]
      .filter(({ entryId, manufacturerImageHash }) => !seen.has(entryId) && !without.has(manufacturerImageHash))
      .filter((entry) => frontier.some((id) => edgeFault(cpl.get(id), entry) === undefined))
      .map(({ entryId }) => entryId);
    for (const id of next) seen.add(id);
    frontier = next;
  }
  return undefined;
}
