/** Small worlds of product lists, and the best path found by walking all of them. Shares nothing with the planner. */
import type { CplEntry, EpclEntry, EpclRoute, Product, ProductLists } from '../lists/product-lists.js';
import type { HopOptions, HopRule } from './hop-plan.js';

export const DAY = '2026-11-30';

export function entry(
  entryId: string,
  upgradableFrom: readonly string[] | 'N/A',
  about: Partial<CplEntry> = {},
): CplEntry {
  return {
    entryId,
    upgradableFrom,
    deviceModel: '121D0001',
    hardware: '0101',
    firmwareVersion: entryId.padStart(8, '0'),
    manufacturerImageHash: 'ab'.repeat(32),
    status: 'Active',
    imageOctets: 1_000,
    takesUpdates: true,
    operable: true,
    ...about,
  };
}

export interface World {
  readonly lists: ProductLists;
  readonly from: string;
  readonly to: string;
  readonly options: HopOptions;
}

const HUB: Product = { deviceModel: 'HUB', hardware: '01', firmwareVersion: '000000FF' };

/** A random version graph of 3 to 8 entries with random rules. */
export function randomWorld(fraction: () => number): World {
  const below = (bound: number): number => Math.floor(fraction() * bound);
  const oneIn = (n: number): boolean => below(n) === 0;
  const pick = <T>(...some: readonly T[]): T => some[below(some.length)]!;
  const ids = Array.from({ length: 3 + below(6) }, (_, k) => `E${k}`);
  const density = pick(0.2, 0.3, 0.45);
  const cpl = ids.map((id): CplEntry => {
    const sources = ids.filter((other) => other !== id && fraction() < density);
    return entry(id, sources.length === 0 ? 'N/A' : sources, {
      // Few different sizes, so that costs are often equal and the tie-breaks decide.
      imageOctets: pick(1_000, 2_000, 3_000, 750_000, 750_001, 800_000),
      status: oneIn(25) ? pick('Cancelled', 'Expired', 'Withdrawn') : 'Active',
      takesUpdates: !oneIn(15),
      operable: !oneIn(15),
      hardware: oneIn(40) ? '0202' : '0101',
      deviceModel: oneIn(40) ? 'OTHER' : '121D0001',
      firmwareVersion: id.padStart(8, '0'),
    });
  });
  const beside = oneIn(2) ? [HUB] : [];
  const epcl = cpl.flatMap((one, k): readonly EpclEntry[] => {
    if (oneIn(8)) return [];
    const products = oneIn(12) ? [one, HUB, { ...HUB, hardware: '02' }] : [...beside, one];
    return [randomCombination(`C${k}`, products, pick, oneIn)];
  });
  return {
    lists: { cpl, epcl: oneIn(4) ? [...epcl, ...epcl.map((one) => ({ ...one, entryId: `${one.entryId}x` }))] : epcl },
    from: ids[0]!,
    to: oneIn(20) ? ids[0]! : pick(...ids.slice(1)),
    options: {
      day: DAY,
      combination: pick('approved', 'approved-or-tested', 'approved-or-tested', 'not-asked', 'not-asked'),
      combinationAt: pick('target', 'every-version'),
      beside,
      targetTakesUpdates: !oneIn(4),
      largeAboveOctets: pick(750_000, 750_000, 0),
    },
  };
}

function randomCombination(
  entryId: string,
  products: readonly Product[],
  pick: <T>(...some: readonly T[]) => T,
  oneIn: (n: number) => boolean,
): EpclEntry {
  const on = pick('2026-11-29', DAY, '2026-12-01');
  const route = pick<EpclRoute | undefined>(
    undefined,
    { kind: 'a' },
    { kind: 'a', testingCompleteOn: on },
    { kind: 'b' },
    { kind: 'b', reportPublishedOn: on },
  );
  return oneIn(2)
    ? { entryId, products, route, status: 'planned' }
    : { entryId, products, route, status: 'approved', approvedOn: pick('2026-01-01', DAY, '2026-12-01') };
}

/** Why a step is not allowed, all reasons at once: written from the sentences of the README, not from the planner. */
export function reasonsAgainst(world: World, from: CplEntry, to: CplEntry): ReadonlySet<HopRule> {
  const { options, lists } = world;
  const reasons = new Set<HopRule>();
  if (!from.takesUpdates) reasons.add('takes-no-update');
  if (from.deviceModel !== to.deviceModel) reasons.add('other-model');
  if (from.hardware !== to.hardware) reasons.add('other-hardware');
  if (to.status !== 'Active') reasons.add('not-active');
  if (!to.operable) reasons.add('not-operable');
  const isLast = to.entryId === world.to;
  if (isLast && options.targetTakesUpdates && !to.takesUpdates) reasons.add('target-takes-no-update');
  if (options.combination !== 'not-asked' && (isLast || options.combinationAt === 'every-version')) {
    const text = (products: readonly Product[]): string =>
      JSON.stringify(products.map((one) => [one.deviceModel, one.hardware, one.firmwareVersion].join()).toSorted());
    const wanted = text([...(options.beside ?? []), to]);
    const listed = lists.epcl.filter(({ products }) => text(products) === wanted);
    const isGood = listed.some((one) => {
      if (one.status === 'approved' && one.approvedOn <= DAY) return true;
      const days = Object.entries(one.route ?? {}).flatMap(([key, value]) => (key === 'kind' ? [] : [value]));
      return options.combination === 'approved-or-tested' && days.some((day) => day !== undefined && day <= DAY);
    });
    if (listed.length === 0) reasons.add('combination-not-listed');
    else if (!isGood) reasons.add('combination-not-approved');
  }
  return reasons;
}

/** The best of all simple paths, as ids from the first to the last; undefined when there is none. */
export function bestByBruteForce(world: World): readonly string[] | undefined {
  const { cpl } = world.lists;
  const byId = new Map(cpl.map((one) => [one.entryId, one]));
  let best: readonly string[] | undefined;
  const cost = (path: readonly string[]): readonly (number | string)[] => {
    const images = path.slice(1).map((id) => byId.get(id)!.imageOctets);
    const large = images.filter((octets) => octets > (world.options.largeAboveOctets ?? 750_000)).length;
    return [large, images.reduce((sum, octets) => sum + octets, 0), images.length, ...path];
  };
  const isLess = (one: readonly (number | string)[], other: readonly (number | string)[]): boolean => {
    const at = one.findIndex((value, k) => value !== other[k]);
    return at >= 0 && one[at]! < other[at]!;
  };
  const walk = (path: readonly string[]): void => {
    const last = byId.get(path.at(-1)!)!;
    if (last.entryId === world.to) {
      if (best === undefined || isLess(cost(path), cost(best))) best = path;
      return;
    }
    for (const next of cpl) {
      if (next.upgradableFrom === 'N/A' || !next.upgradableFrom.includes(last.entryId)) continue;
      if (!path.includes(next.entryId) && reasonsAgainst(world, last, next).size === 0) walk([...path, next.entryId]);
    }
  };
  walk([world.from]);
  return best;
}

/** Fractions in [0, 1) that one seed repeats for ever (xorshift32). */
export function fractions(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 0x1_0000_0000;
  };
}
