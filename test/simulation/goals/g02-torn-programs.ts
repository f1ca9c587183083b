/** G02: every program of an update is torn: after every octet, in parts of its bits, with weak cells, with damage to what was programmed before. */
import { CutCount, cutWorlds, judgeEnd, judgeStart } from '../engine/cut-worlds.js';
import type { Moment } from '../engine/life.js';
import { isSlot, placeOf } from '../engine/places.js';
import type { Scene } from '../engine/scene.js';
import { bits, prefix, type Strike } from '../engine/strike.js';
import type { Goal, GoalContext, Tier } from '../goal.js';
import { PATHS, scene } from './scenes.js';

/** One world in so many goes on to the end of its update: of torn records, and of torn image octets. */
const TO_THE_END: Readonly<Record<Tier, readonly [records: number, image: number]>> = {
  Q: [12, 40],
  M: [10, 60],
  L: [10, 100],
};
const IMAGE_BYTES: Readonly<Record<Tier, number>> = { Q: 8_192, M: 32_768, L: 131_072 };
/** Seeds of parts of bits, for each record and for each page of the image. */
const BIT_SEEDS: Readonly<Record<Tier, readonly [records: number, image: number]>> = {
  Q: [16, 4],
  M: [256, 64],
  L: [512, 64],
};
/** In Q every so many octets of the image. */
const IMAGE_STEP: Readonly<Record<Tier, number>> = { Q: 97, M: 1, L: 1 };

export const goal: Goal = {
  id: 'G02',
  title: 'Every program torn after every octet, in parts of its bits, with weak cells and damage to its neighbour',
  invariants: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7'],
  // In M all there is: 127,296 of records and 168,720 of the image, each program at each place.
  floors: { Q: 20_000, M: 296_016, L: 800_000 },
  floorCi: 3_000,
  mustStrike: [
    'torn-records',
    'torn-image',
    'weak',
    'neighbour',
    'bits',
    'end-old',
    'end-trial',
    'trials-reverted',
    'ended-old',
    'ended-new',
  ],
  run(given) {
    const count = new CutCount(given);
    const { context } = count;
    const records = PATHS.map((path) => scene({ path, imageBytes: 8_192 }));
    const image = [scene({ path: 'update', imageBytes: IMAGE_BYTES[context.tier] })];
    tear(context, count, image, true);
    tear(context, count, records, false);
    return count.count();
  },
};

function tear(context: GoalContext, count: CutCount, scenes: readonly Scene[], ofImage: boolean): void {
  const { tier } = context;
  const part = ofImage ? 1 : 0;
  cutWorlds(context, {
    scenes,
    rounds: 16,
    share: ofImage ? 0.6 : 1,
    // In M and L the whole life of the larger image: its records differ from those of the small one.
    isCase: (moment) =>
      moment.operation.kind === 'program' && ((ofImage && tier !== 'Q') || ofImage === isSlot(placeOf(moment))),
    strikes: (moment) => strikesAt(moment, tier, ofImage && isSlot(placeOf(moment)) ? 1 : 0),
    judge(world) {
      const { strike } = world;
      count.world();
      count.distinct(world);
      count.tally.add(ofImage ? 'torn-image' : 'torn-records');
      for (const kind of ['weak', 'neighbour'] as const) if (strike[kind] === true) count.tally.add(kind);
      if (strike.mode === 'bits') count.tally.add('bits');
      const spoilsEarlier = strike.neighbour === true;
      judgeStart(count, world, { spoilsEarlier });
      const every = TO_THE_END[tier][part];
      if (context.only !== undefined || count.worlds % every === 0) judgeEnd(count, world);
    },
  });
}

function strikesAt({ operation, index }: Moment, tier: Tier, part: 0 | 1): readonly Strike[] {
  if (operation.kind !== 'program') return [];
  const { length } = operation.data;
  const step = part === 1 ? IMAGE_STEP[tier] : 1;
  const strikes: Strike[] = [];
  for (let torn = 0; torn < length; torn += step) {
    strikes.push(prefix(torn), prefix(torn, { weak: true, seed: torn }));
    if (torn % 16 === 0 || tier !== 'Q') strikes.push(prefix(torn, { neighbour: true, seed: index * 4096 + torn }));
  }
  for (let seed = 0; seed < BIT_SEEDS[tier][part]; seed++) {
    strikes.push(bits(seed), bits(seed, { weak: true }), bits(seed, { weak: true, torn: seed % length }));
  }
  return strikes;
}
