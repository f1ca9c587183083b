/**
 * G06: bits flip at rest, in each of the seven states of a meter. Of records every single bit (Q: a sample) and drawn pairs within a record's
 * reach; of the slots one drawn bit of every octet. A rotten record takes nothing back; a rotten image does not run, and what runs instead takes
 * the next update.
 */
import type { NorFlash } from '@smets1/emulator';
import { CutCount } from '../engine/cut-worlds.js';
import { checkEnd, look, type Look } from '../engine/oracle.js';
import { isSlot, placeAt } from '../engine/places.js';
import type { Scene } from '../engine/scene.js';
import { STATE_NAMES, statesOf, type State } from '../engine/states.js';
import { OFF_MS } from '../engine/cut-worlds.js';
import { isMine, type Goal, type GoalContext, type Tier } from '../goal.js';
import { scene } from './scenes.js';
import { seededRandom } from './seeded.js';

const IMAGE_BYTES: Readonly<Record<Tier, number>> = { Q: 8_192, M: 32_768, L: 131_072 };
/** Every so many bits of the records. */
const RECORD_STEP: Readonly<Record<Tier, number>> = { Q: 127, M: 1, L: 1 };
/** Every so many octets of the slots. */
const SLOT_STEP: Readonly<Record<Tier, number>> = { Q: 61, M: 1, L: 1 };
const PAIRS: Readonly<Record<Tier, number>> = { Q: 600, M: 50_000, L: 1_500_000 };
const TO_THE_END: Readonly<Record<Tier, number>> = { Q: 50, M: 400, L: 1_000 };
/** Two bits of a pair are so near that one record has both. */
const NEAR_BYTES = 400;
/** Records of boot and identity stand twice; nothing of them may be missed. */
const KEPT: readonly string[] = ['boot-a', 'boot-b', 'identity'];
const RECORDS: readonly string[] = [...KEPT, 'staging', 'security-log', 'log-a', 'log-b'];

interface Flip {
  readonly offsetBytes: number;
  readonly bit: number;
}

export const goal: Goal = {
  id: 'G06',
  title: 'Bits that flip at rest, in records and images, in seven states',
  invariants: ['I1', 'I2', 'I3', 'I4', 'I5', 'I7'],
  floors: { Q: 6_000, M: 950_000, L: 2_000_000 },
  floorCi: 2_500,
  mustStrike: [
    'rot-of-boot',
    'rot-of-identity',
    'rot-of-staging',
    'rot-of-slots',
    'pairs',
    'fell-back',
    'recovered',
    'ended-new',
  ],
  run(given) {
    const count = new CutCount(given);
    const { context } = count;
    const { tier } = context;
    const small = scene({ path: 'second', imageBytes: 8_192 });
    singles(context, count, small, (place) => RECORDS.includes(place), RECORD_STEP[tier], 8, 0.5);
    singles(context, count, scene({ path: 'second', imageBytes: IMAGE_BYTES[tier] }), isSlot, SLOT_STEP[tier], 1, 0.85);
    pairs(context, count, small);
    return count.count();
  },
};

/** Every octet of the places, `bitsPerOctet` bits of each; erased octets count as one bit in a granule. */
function singles(
  context: GoalContext,
  count: CutCount,
  its: Scene,
  isPlace: (place: string) => boolean,
  step: number,
  bitsPerOctet: 1 | 8,
  share: number,
): void {
  let number = 0;
  for (const name of STATE_NAMES) {
    const state = statesOf(its)[name];
    const { flash } = state;
    let atBit = name.length % step;
    for (const partition of its.layout.partitions.filter((partition) => isPlace(partition.name))) {
      const held = flash.read(partition.offsetBytes, partition.lengthBytes);
      for (let at = 0; at < held.length; at++) {
        const isErased = held[at] === flash.erasedValue;
        const isQuiet = bitsPerOctet === 8 && isErased && at % flash.granuleBytes !== 0;
        if (isQuiet) continue;
        for (let i = 0; i < (isErased ? 1 : bitsPerOctet); i++) {
          if (atBit++ % step !== 0) continue;
          const offsetBytes = partition.offsetBytes + at;
          const bit = bitsPerOctet === 8 && !isErased ? i : (offsetBytes * 5 + (offsetBytes >> 7)) & 7;
          const flips = [{ offsetBytes, bit }];
          if (!isMine(context, number++) && context.only === undefined) continue;
          if (context.only !== undefined && context.only !== caseIdOf(its, state, flips)) continue;
          if (!context.timeLeft(share)) return;
          rotten(context, count, its, state, flips);
        }
      }
    }
  }
}

function pairs(context: GoalContext, count: CutCount, its: Scene): void {
  const places = its.layout.partitions.filter(({ name }) => RECORDS.includes(name));
  for (let i = 0; i < PAIRS[context.tier] && context.timeLeft(); i++) {
    if (context.only === undefined && !isMine(context, i)) continue;
    const seed = context.seed + i;
    const luck = seededRandom(seed, 'rot');
    const state = statesOf(its)[luck.pick(STATE_NAMES)];
    const { offsetBytes, lengthBytes } = luck.pick(places);
    const first = usedOctet(state.flash, offsetBytes, lengthBytes, luck.below(lengthBytes));
    const second = Math.min(first + luck.below(NEAR_BYTES), offsetBytes + lengthBytes - 1);
    const flips = [
      { offsetBytes: first, bit: luck.below(8) },
      { offsetBytes: second, bit: luck.below(8) },
    ];
    if (context.only !== undefined && context.only !== caseIdOf(its, state, flips)) continue;
    count.drew(seed);
    count.tally.add('pairs');
    rotten(context, count, its, state, flips);
  }
}

/** The octet at or after a place that is not blank; pairs in blank flash say little. */
function usedOctet(flash: NorFlash, offsetBytes: number, lengthBytes: number, from: number): number {
  const held = flash.read(offsetBytes, lengthBytes);
  for (let i = 0; i < lengthBytes; i++) {
    const at = (from + i) % lengthBytes;
    if (held[at] !== flash.erasedValue) return offsetBytes + at;
  }
  return offsetBytes + from;
}

function caseIdOf(its: Scene, { name }: State, flips: readonly Flip[]): string {
  return [its.name, name, ...flips.map(({ offsetBytes, bit }) => `${offsetBytes}.${bit}`)].join(':');
}

const sound = new Map<State, Look>();

function soundLook(its: Scene, state: State): Look {
  let seen = sound.get(state);
  if (seen === undefined) {
    seen = look(its, state.flash.fork(), { ...state.known }, state.nowMs + OFF_MS);
    if (seen.violations.length > 0) throw new Error(`without rot: ${seen.violations.join('; ')}`);
    sound.set(state, seen);
  }
  return seen;
}

function rotten(context: GoalContext, count: CutCount, its: Scene, state: State, flips: readonly Flip[]): void {
  const flash = state.flash.fork();
  for (const { offsetBytes, bit } of flips) flash.rot(offsetBytes, 1 << bit);
  const place = placeAt(its.layout, flips[0]!.offsetBytes);
  count.world(true);
  count.tally.add(`rot-of-${isSlot(place) ? 'slots' : place.replace(/-[ab]$/, '')}`);
  const atMs = state.nowMs + OFF_MS;
  const caseId = caseIdOf(its, state, flips);
  const ofImage = isSlot(place);
  const seen = look(its, flash.fork(), { ...state.known, ...(ofImage && { result: undefined }) }, atMs, {
    mayForget: true,
    // The record of a plain start stands once: it is worth no second write.
    mayRecount: true,
    mayFallBack: ofImage,
    mayRecover: ofImage,
    // A block that has rotted is found when the image is sealed.
    spoilsEarlier: ofImage,
  });
  const found = [...seen.violations];
  count.tally.add(`end-${seen.end}`);
  if (seen.view?.mode === 'fallback') count.tally.add('fell-back');
  if (seen.end === 'recovery') count.tally.add('recovered');
  const healthy = soundLook(its, state);
  if (KEPT.includes(place)) {
    for (const field of ['mode', 'runningVersion', 'securityCounter', 'originatorCounter', 'activeSlot'] as const) {
      const [now, before] = [seen.view?.[field], healthy.view?.[field]];
      if (now !== before) found.push(`I4 ${field} is ${now}, and was ${before} without the rot`);
    }
  }
  count.fail(caseId, found);
  if (context.only === undefined && count.worlds % TO_THE_END[context.tier] !== 0) return;
  const afresh = { ...state.known, result: undefined, floor: 0 };
  const end = checkEnd(its, flash, afresh, atMs, {
    mayRevert: true,
    mayForget: true,
    mayRecount: true,
    spoilsEarlier: ofImage,
  });
  count.tally.add(`ended-${end.end}`);
  count.fail(caseId, end.violations);
}
