/** What is searched in each tier, and which guards are taken out one by one. */
import type { Tier } from '../goal.js';
import type { ModelSize, Search } from './spin.js';

const SIZE: ModelSize = { blocks: 3, sessions: 6, cuts: 0, doubles: 0, forgeries: 0, rots: 0 };

/** The walks that are replayed on the code: from nothing that goes wrong to everything. */
export function walkSize(seed: number): ModelSize {
  return { ...SIZE, cuts: seed % 4, doubles: seed % 3, forgeries: seed % 2, rots: seed % 5 === 0 ? 1 : 0 };
}
export const WALK_BLOCKS: number = SIZE.blocks;

const quick: readonly Search[] = [
  { ...SIZE, cuts: 2, property: 'safety' },
  { ...SIZE, cuts: 1, doubles: 1, property: 'safety' },
  { ...SIZE, cuts: 1, forgeries: 1, property: 'safety' },
  { ...SIZE, cuts: 1, rots: 1, property: 'safety' },
  // With sessions enough that none of its ways runs out of them.
  { ...SIZE, cuts: 1, sessions: 9, property: 'ends' },
];

const more: readonly Search[] = [
  { ...SIZE, blocks: 4, cuts: 2, property: 'safety' },
  { ...SIZE, blocks: 4, cuts: 1, doubles: 1, property: 'safety' },
  { ...SIZE, cuts: 2, doubles: 1, property: 'safety' },
  { ...SIZE, cuts: 2, doubles: 1, sessions: 9, property: 'ends' },
  { ...SIZE, blocks: 4, cuts: 2, sessions: 9, property: 'ends' },
];

export const SEARCHES: Readonly<Record<Tier, readonly Search[]>> = {
  Q: quick,
  M: [...quick, ...more],
  L: [...quick, ...more],
};

/** A guard, and the smallest world that shows what it is for. */
export interface Guard {
  readonly name: string;
  readonly what: string;
  readonly search: Search;
}

const guard = (name: string, what: string, size: Partial<ModelSize> = {}): Guard => ({
  name,
  what,
  search: { ...SIZE, ...size, property: 'safety', without: name },
});

export const GUARDS: readonly Guard[] = [
  guard('NO_BLOCK_SIGNATURE', 'a block is stored only when it is signed for this image', { forgeries: 1 }),
  guard('NO_SESSION_TAG', 'the meter counts a frame only in the session that it names'),
  guard('NO_STORE_FIRST', 'a block is in the slot before its record says so', { cuts: 1 }),
  guard('NO_RECORD_FIRST', 'a block is recorded before SACK says so'),
  guard('NO_ERASE', 'a slot is erased before an image begins in it', { cuts: 1 }),
  guard('NO_DROP_FIRST', 'the record of the image before is dropped before its blocks are erased', { cuts: 2 }),
  guard('NO_HEADER_MATCH', 'the staging log counts only for the offer that stands beside it'),
  guard('NO_STAGED_MATCH', 'sealed is only what boot knows as staged', { cuts: 1 }),
  guard('NO_SEAL_DIGEST', 'SEAL seals the image that it names'),
  guard('NO_SEAL_VERIFY', 'the whole image is verified before it is sealed', { rots: 1 }),
  guard('NO_BOOT_VERIFY', 'boot verifies what it is about to run', { rots: 1 }),
  guard('NO_TRIAL_LIMIT', 'a trial has only so many starts', { cuts: 1 }),
  guard('NO_START_COUNT_FIRST', 'a start is counted before the image runs', { cuts: 2 }),
  guard('NO_TRIAL_REFUSAL', 'no offer is taken in a trial'),
  guard('NO_FLOOR', 'no image below the floor is taken'),
  guard('NO_FLOOR_AT_CONFIRM', 'the floor moves with the confirmation and not before'),
  guard('NO_DEVICE', 'an authorisation for another meter is refused', { forgeries: 1 }),
  guard('NO_AUTHORISATION_SIGNATURE', 'an authorisation that is not signed is refused', { forgeries: 1 }),
  guard('NO_COUNTER', "an authorisation's counter serves once", { doubles: 1, forgeries: 1 }),
  guard('NO_REPEAT_MEMORY', 'a repeated authorisation earns the result that is remembered'),
  guard('NO_ONE_RECORD', 'counter and pending activation are one record', { cuts: 1 }),
  guard('NO_ANSWER_MATCH', 'the host takes an answer only for the question that it asked'),
  guard('NO_HOST_TAG', 'the host takes SACK only of its own session'),
  guard('NO_CREDIT', 'the host opens no more blocks than it has credit for'),
];
