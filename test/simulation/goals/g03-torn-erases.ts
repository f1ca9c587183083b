/** G03: every erase of an update is torn: after so many octets, in parts of its bits, so that it looks blank and is not. */
import { CutCount, cutWorlds, judgeEnd, judgeStart } from '../engine/cut-worlds.js';
import type { Moment } from '../engine/life.js';
import { isSlot, placeOf } from '../engine/places.js';
import type { Scene } from '../engine/scene.js';
import { bits, prefix, type Strike } from '../engine/strike.js';
import type { Goal, Tier } from '../goal.js';
import { scene } from './scenes.js';

const IMAGE_BYTES: Readonly<Record<Tier, number>> = { Q: 8_192, M: 32_768, L: 131_072 };
/** Octets between two ways in which an erase is torn: of records, and of images. */
const STEP: Readonly<Record<Tier, readonly [records: number, image: number]>> = {
  Q: [64, 512],
  M: [4, 16],
  L: [1, 16],
};
const BIT_SEEDS: Readonly<Record<Tier, number>> = { Q: 6, M: 256, L: 1024 };
const TO_THE_END: Readonly<Record<Tier, number>> = { Q: 5, M: 10, L: 10 };
/** By then each ring has turned once: its sectors have something to lose. */
const STARTS_BEFORE = 8;
/** Numbers of starts before the update, so that each ring of records turns at one place or another of it. */
const STARTS: Readonly<Record<Tier, number>> = { Q: 6, M: 12, L: 24 };

export const goal: Goal = {
  id: 'G03',
  title: 'Every erase torn, with cells that read differently each time',
  invariants: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7'],
  floors: { Q: 1_500, M: 50_000, L: 200_000 },
  floorCi: 700,
  mustStrike: [
    'erases-of-slots',
    'erases-of-boot',
    'of-sectors-in-use',
    'weak',
    'bits',
    'end-old',
    'end-trial',
    'ended-old',
    'ended-new',
  ],
  run(given) {
    const count = new CutCount(given);
    const { context } = count;
    const { tier } = context;
    cutWorlds(context, {
      scenes: scenesOf(tier),
      rounds: 8,
      isCase: (moment, { name }) =>
        moment.operation.kind === 'erase' && (name.endsWith('-s0') || !isSlot(placeOf(moment))),
      strikes: (moment) => strikesAt(moment, tier),
      judge(world) {
        const { strike, moment } = world;
        count.world();
        count.distinct(world);
        const place = placeOf(moment);
        count.tally.add(isSlot(place) ? 'erases-of-slots' : `erases-of-${place.replace(/-[ab]$/, '')}`);
        if (isDirty(moment)) count.tally.add('of-sectors-in-use');
        if (strike.weak === true) count.tally.add('weak');
        if (strike.mode === 'bits') count.tally.add('bits');
        judgeStart(count, world);
        if (context.only !== undefined || count.worlds % TO_THE_END[tier] === 0) judgeEnd(count, world);
      },
    });
    return count.count();
  },
};

function scenesOf(tier: Tier): readonly Scene[] {
  return Array.from({ length: STARTS[tier] }, (_, starts) =>
    scene({
      path: starts % 3 === 1 ? 'revert' : 'update',
      imageBytes: starts === 0 ? IMAGE_BYTES[tier] : 8_192,
      starts: starts === 0 ? 0 : starts + STARTS_BEFORE,
    }),
  );
}

function strikesAt(moment: Moment, tier: Tier): readonly Strike[] {
  const { operation, flash } = moment;
  if (operation.kind !== 'erase') return [];
  const { lengthBytes } = flash.sectors[operation.sectorIndex]!;
  const step = STEP[tier][isSlot(placeOf(moment)) ? 1 : 0];
  const strikes: Strike[] = [];
  for (let torn = 0; torn <= lengthBytes; torn += step) {
    strikes.push(prefix(torn), prefix(torn, { weak: true, seed: torn }));
  }
  for (let seed = 0; seed < BIT_SEEDS[tier]; seed++) strikes.push(bits(seed), bits(seed, { weak: true }));
  return strikes;
}

function isDirty({ operation, flash }: Moment): boolean {
  if (operation.kind !== 'erase') return false;
  const { offsetBytes, lengthBytes } = flash.sectors[operation.sectorIndex]!;
  return flash.read(offsetBytes, lengthBytes).some((octet) => octet !== flash.erasedValue);
}
