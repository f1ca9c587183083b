/** G01: the power goes before, during and after every flash operation of a whole update, on every path and geometry of the tier. */
import { CutCount, cutWorlds, judgeEnd, judgeStart } from '../engine/cut-worlds.js';
import type { Scene } from '../engine/scene.js';
import { AFTER, BEFORE, bits, prefix, type Strike } from '../engine/strike.js';
import type { Goal, Tier } from '../goal.js';
import { geometries, IMAGE_BYTES, PATHS, scene } from './scenes.js';

/** One world in so many goes on to the end of its update. */
const TO_THE_END: Readonly<Record<Tier, number>> = { Q: 5, M: 7, L: 7 };

export const goal: Goal = {
  id: 'G01',
  title: 'A power cut before, during and after every flash operation of an update',
  invariants: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7'],
  floors: { Q: 900, M: 55_000, L: 200_000 },
  floorCi: 450,
  mustStrike: ['cuts', 'end-old', 'end-new', 'end-trial', 'trials-reverted', 'lived-to-the-end'],
  run(given) {
    const count = new CutCount(given);
    const { context } = count;
    cutWorlds(context, {
      scenes: scenesOf(context.tier),
      strikes: ({ index }) => strikesAt(index),
      judge(world) {
        count.world();
        count.tally.add('cuts');
        count.tally.add(`cut-${world.strike.phase}`);
        count.distinct(world);
        judgeStart(count, world);
        if (context.only !== undefined || count.worlds % TO_THE_END[context.tier] === 0) judgeEnd(count, world);
      },
    });
    return count.count();
  },
};

function strikesAt(index: number): readonly Strike[] {
  return [BEFORE, AFTER, prefix(0, { seed: index }), bits(index)];
}

function scenesOf(tier: Tier): readonly Scene[] {
  const imageBytes = IMAGE_BYTES[tier];
  if (tier === 'Q') return PATHS.map((path) => scene({ path, imageBytes }));
  const sectors = tier === 'L' ? [undefined, [4096, 16_384]] : [undefined];
  return geometries([1, 4, 8, 16, 32, 512]).flatMap((geometry) =>
    sectors.flatMap((sectorBytes) =>
      PATHS.map((path) => scene({ ...geometry, path, imageBytes, ...(sectorBytes !== undefined && { sectorBytes }) })),
    ),
  );
}
