/**
 * The way of a meter from the version that it runs to another one, over interim versions. Steps are those that the CPL names (MP231); each must
 * pass the rules of `hop-rules.ts`, so that a meter whose next hop is called off stands on a version that works and can be left.
 */
import { LARGE_IMAGE_OCTETS } from '../limits.js';
import type { CplEntry, ProductLists } from '../lists/product-lists.js';
import type { ForbiddenHop, Hop, HopOptions, HopPath, HopPlan, NoPathProof } from './hop-plan.js';
import { hopRules, type RuleAgainst } from './hop-rules.js';

/**
 * The shortest way: fewest starts of large images, since these are what the days have little room for; then fewest octets; then fewest hops;
 * then the ids of the versions, compared in order by code units.
 *
 * @param from - Entry id of what the meter runs. Its own status does not matter: it runs it.
 * @param to - Entry id of what it shall run.
 * @returns the path, or a proof that none exists, which `checkProof` checks.
 * @throws {@link ProductsError} when `options.day` is no day.
 * @see MP231 (upgradable-from entries); TMAD 4.33 (interim versions are operable); SIT exit (a version takes a further update).
 */
export function planHops(lists: ProductLists, from: string, to: string, options: HopOptions): HopPlan {
  const entries = new Map(lists.cpl.map((entry) => [entry.entryId, entry]));
  const start = entries.get(from);
  const target = entries.get(to);
  const ruleAgainst = hopRules(lists, to, options);
  if (start === undefined) return { ok: false, proof: { kind: 'not-listed', entryId: from } };
  if (target === undefined) return { ok: false, proof: { kind: 'not-listed', entryId: to } };
  const isLarge = ({ imageOctets }: CplEntry): boolean =>
    imageOctets > (options.largeAboveOctets ?? LARGE_IMAGE_OCTETS);
  const ways = waysTo(target, entries, ruleAgainst, isLarge);
  return ways.has(from)
    ? { ok: true, path: pathBetween(from, to, entries, ways, isLarge) }
    : { ok: false, proof: cutAround(start, lists.cpl, ruleAgainst) };
}

/** The best way from one version to the target. */
interface Way {
  readonly largeStarts: number;
  readonly octets: number;
  readonly hops: number;
  /** Entry id of the next version on it; its own at the target. */
  readonly nextId: string;
}

/**
 * Dijkstra's algorithm, backwards from the target, because that is the direction in which the CPL names the steps. Every step costs at least one
 * octet, so a version's way is final before any version in front of it is looked at, and equal ways are all seen.
 */
function waysTo(
  target: CplEntry,
  entries: ReadonlyMap<string, CplEntry>,
  ruleAgainst: RuleAgainst,
  isLarge: (entry: CplEntry) => boolean,
): ReadonlyMap<string, Way> {
  const settled = new Map<string, Way>();
  const open = new Map<CplEntry, Way>([[target, { largeStarts: 0, octets: 0, hops: 0, nextId: target.entryId }]]);
  for (let nearest = nearestOf(open); nearest !== undefined; nearest = nearestOf(open)) {
    const [entry, way] = nearest;
    open.delete(entry);
    settled.set(entry.entryId, way);
    for (const from of sourcesOf(entry, entries)) {
      if (settled.has(from.entryId) || ruleAgainst(from, entry) !== undefined) continue;
      const found: Way = {
        largeStarts: way.largeStarts + (isLarge(entry) ? 1 : 0),
        octets: way.octets + entry.imageOctets,
        hops: way.hops + 1,
        nextId: entry.entryId,
      };
      const known = open.get(from);
      if (known === undefined || isBetter(found, known)) open.set(from, found);
    }
  }
  return settled;
}

function nearestOf(open: ReadonlyMap<CplEntry, Way>): readonly [CplEntry, Way] | undefined {
  let nearest: readonly [CplEntry, Way] | undefined;
  for (const one of open) if (nearest === undefined || isBetter(one[1], nearest[1])) nearest = one;
  return nearest;
}

function isBetter(one: Way, other: Way): boolean {
  const more = one.largeStarts - other.largeStarts || one.octets - other.octets || one.hops - other.hops;
  // Of ways that cost the same from here, the first id that differs is that of the next version.
  return more < 0 || (more === 0 && one.nextId < other.nextId);
}

function sourcesOf({ upgradableFrom }: CplEntry, entries: ReadonlyMap<string, CplEntry>): readonly CplEntry[] {
  if (upgradableFrom === 'N/A') return [];
  return upgradableFrom.flatMap((id) => entries.get(id) ?? []);
}

function pathBetween(
  from: string,
  to: string,
  entries: ReadonlyMap<string, CplEntry>,
  ways: ReadonlyMap<string, Way>,
  isLarge: (entry: CplEntry) => boolean,
): HopPath {
  const hops: Hop[] = [];
  for (let at = from; at !== to;) {
    const next = entries.get(ways.get(at)!.nextId)!;
    const { entryId, manufacturerImageHash, imageOctets } = next;
    hops.push({ from: at, to: entryId, manufacturerImageHash, imageOctets, isLarge: isLarge(next) });
    at = entryId;
  }
  const octets = hops.reduce((sum, { imageOctets }) => sum + imageOctets, 0);
  return { hops, largeStarts: hops.filter((hop) => hop.isLarge).length, octets };
}

/** Everything that allowed steps reach, and what forbids each step out of it. */
function cutAround(start: CplEntry, cpl: readonly CplEntry[], ruleAgainst: RuleAgainst): NoPathProof {
  const stepsFrom = new Map<string, CplEntry[]>(cpl.map(({ entryId }) => [entryId, []]));
  for (const entry of cpl) {
    if (entry.upgradableFrom === 'N/A') continue;
    for (const from of entry.upgradableFrom) stepsFrom.get(from)?.push(entry);
  }
  const reached = new Map([[start.entryId, start]]);
  const refused: ForbiddenHop[] = [];
  // A map goes on to what is added while it is walked.
  for (const [from, entry] of reached) {
    for (const next of stepsFrom.get(from) ?? []) {
      const rule = ruleAgainst(entry, next);
      if (rule === undefined) reached.set(next.entryId, next);
      else refused.push({ from, to: next.entryId, rule });
    }
  }
  const forbidden = refused
    .filter(({ to }) => !reached.has(to))
    .toSorted((one, other) => compare(one.from, other.from) || compare(one.to, other.to));
  return { kind: 'cut', reachable: [...reached.keys()].toSorted(), forbidden };
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
