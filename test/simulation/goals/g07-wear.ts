/**
 * G07: flash that wears. Erases of each sector stay within a budget over many good and many bad updates; a sector that fails or lies, one at a
 * time, stops neither the meter nor its images, and two of them never make it run what it must not.
 */
import type { NorFlash } from '@smets1/emulator';
import { CutCount, OFF_MS } from '../engine/cut-worlds.js';
import { live, nothingKnown, powerOn } from '../engine/life.js';
import { look, slotFault } from '../engine/oracle.js';
import { party } from '../engine/parties.js';
import { isSlot, placeAt } from '../engine/places.js';
import { planFor, type Scene } from '../engine/scene.js';
import { isMine, type Goal, type GoalContext, type Tier } from '../goal.js';
import { scene } from './scenes.js';

/** Good updates in a row, and bad sessions of each kind. */
const GOOD: Readonly<Record<Tier, number>> = { Q: 60, M: 1_000, L: 20_000 };
const BAD: Readonly<Record<Tier, number>> = { Q: 150, M: 10_000, L: 100_000 };
/** Erases of a sector of the image or the transfer's map that one update may cost. */
const SLOT_ERASES_MAX = 2;
/** Erases of a sector of records, on the average of an update. */
const RECORD_ERASES_MAX = 1;
/** Pairs of worn sectors that are lived. */
const PAIRS: Readonly<Record<Tier, number>> = { Q: 100, M: 6_000, L: 60_000 };
const KINDS = ['program-fails', 'erase-fails', 'read-fails', 'program-lies', 'erase-lies', 'stuck'] as const;
type Kind = (typeof KINDS)[number];

export const goal: Goal = {
  id: 'G07',
  title: 'Erases within their budget; worn sectors of five kinds and stuck bits, one and two at a time',
  invariants: ['I1', 'I2', 'I3', 'I4', 'I9'],
  floors: { Q: 600, M: 6_000, L: 60_000 },
  floorCi: 300,
  mustStrike: ['good-updates', 'bad-sessions', 'worn-single', 'worn-pairs', 'updates-done', 'updates-refused'],
  run(given) {
    const count = new CutCount(given);
    const { context } = count;
    const kind = context.only?.split(':')[0];
    const parts = { good: goodUpdates, bad: badSessions, worn: wornSingles, pair: wornPairs };
    for (const [name, part] of Object.entries(parts)) if (kind === undefined || kind === name) part(context, count);
    return count.count();
  },
};

/** Update after update, to and fro between the slots. */
function goodUpdates(context: GoalContext, count: CutCount): void {
  if (!isMine(context, 0)) return;
  const its = scene({ path: 'update', imageBytes: 4_096 });
  const flash = its.start.fork();
  const start = wearOf(flash);
  let before = wearOf(flash);
  let atMs = 0;
  let done = 0;
  for (let i = 0; i < GOOD[context.tier] && context.timeLeft(); i++) {
    const next = party({ version: 0x2000 + i, imageBytes: 4_000 + (i % 90), blockShift: 8 });
    const plan = planFor(next, BigInt(i + 1));
    const life = live({ scene: { ...its, next, plan }, flash, known: nothingKnown(), startMs: atMs });
    atMs = life.nowMs + OFF_MS;
    count.world(true);
    count.tally.add('good-updates');
    if (life.result?.kind !== 'done') {
      count.fail('good:all', [`I2 update ${i + 1} in a row ended with ${JSON.stringify(life.result?.kind)}`]);
      return;
    }
    done += 1;
    const now = wearOf(flash);
    now.forEach((erases, index) => {
      const cost = erases - before[index]!;
      const place = placeAt(its.layout, flash.sectors[index]!.offsetBytes);
      if (isSlot(place) && cost > SLOT_ERASES_MAX)
        count.fail('good:all', [`I9 update ${i + 1} erased sector ${index} ${cost} times`]);
    });
    before = now;
  }
  checkRecordWear(count, its, flash, start, done, 'good:all');
}

function checkRecordWear(
  count: CutCount,
  its: Scene,
  flash: NorFlash,
  start: readonly number[],
  updates: number,
  caseId: string,
): void {
  wearOf(flash).forEach((erases, index) => {
    const place = placeAt(its.layout, flash.sectors[index]!.offsetBytes);
    if (isSlot(place)) return;
    const cost = (erases - start[index]!) / Math.max(1, updates);
    if (updates > 20 && cost > RECORD_ERASES_MAX)
      count.fail(caseId, [`I9 sector ${index} (${place}) is erased ${cost} times an update`]);
  });
}

/** Sessions that cannot succeed: an offer that nobody signed costs no erase, an image with a foreign signature one of each sector. */
function badSessions(context: GoalContext, count: CutCount): void {
  if (!isMine(context, 1)) return;
  const its = scene({ path: 'reject', imageBytes: 4_096 });
  const { image } = its.next;
  const octets = image.manifest.octets.map((octet, i, all) => (i === all.length - 1 ? octet ^ 1 : octet));
  const unsigned = { ...image, manifest: { ...image.manifest, octets } };
  const kinds = [
    { name: 'unsigned', plan: { ...its.plan, image: unsigned }, slotErasesMax: 0 },
    { name: 'foreign', plan: its.plan, slotErasesMax: 1 },
  ];
  for (const { name, plan, slotErasesMax } of kinds) {
    const flash = its.start.fork();
    const start = wearOf(flash);
    let atMs = 0;
    let sessions = 0;
    for (let i = 0; i < BAD[context.tier] && context.timeLeft(); i++) {
      const life = live({ scene: its, flash, known: nothingKnown(), startMs: atMs, plan });
      atMs = life.nowMs + OFF_MS;
      sessions += 1;
      count.world(true);
      count.tally.add('bad-sessions');
      if (life.result?.kind === 'done')
        count.fail(`bad:${name}`, [`I1 session ${i + 1} with a ${name} image succeeded`]);
    }
    wearOf(flash).forEach((erases, index) => {
      const place = placeAt(its.layout, flash.sectors[index]!.offsetBytes);
      const cost = erases - start[index]!;
      if (isSlot(place) && cost > slotErasesMax * sessions) {
        count.fail(`bad:${name}`, [`I9 ${sessions} ${name} sessions erased sector ${index} ${cost} times`]);
      }
    });
    checkRecordWear(count, its, flash, start, sessions, `bad:${name}`);
    const seen = look(its, flash, nothingKnown(), atMs);
    count.fail(`bad:${name}`, seen.violations);
  }
}

function wornSingles(context: GoalContext, count: CutCount): void {
  const its = scene({ path: 'second', imageBytes: 4_096 });
  let number = 0;
  for (const { index } of its.start.sectors) {
    for (const kind of KINDS) {
      const caseId = `worn:${index}:${kind}`;
      if (context.only === undefined ? !isMine(context, number++) : context.only !== caseId) continue;
      if (!context.timeLeft()) return;
      const flash = its.start.fork();
      wearOut(flash, index, kind);
      count.tally.add('worn-single');
      const place = placeAt(its.layout, flash.sectors[index]!.offsetBytes);
      // Only what lies where the running image is can keep it from running.
      const isActive = place === 'slot-1';
      count.fail(caseId, worn(count, its, flash, isActive, true));
    }
  }
}

function wornPairs(context: GoalContext, count: CutCount): void {
  const its = scene({ path: 'second', imageBytes: 4_096 });
  const sectors = its.start.sectors.length;
  for (let i = 0; i < PAIRS[context.tier] && context.timeLeft(); i++) {
    const [a, b] = [(i * 7) % sectors, (i * 7 + 1 + (i % (sectors - 1))) % sectors];
    const [one, other] = [KINDS[i % KINDS.length]!, KINDS[Math.floor(i / KINDS.length) % KINDS.length]!];
    const caseId = `pair:${i}`;
    if (context.only === undefined ? !isMine(context, i) : context.only !== caseId) continue;
    const flash = its.start.fork();
    wearOut(flash, a, one);
    wearOut(flash, b, other);
    count.tally.add('worn-pairs');
    // With two sectors worn the meter may be beyond use; it says so, and runs nothing that it must not.
    count.fail(caseId, worn(count, its, flash, true, false));
  }
}

function wearOut(flash: NorFlash, index: number, kind: Kind): void {
  const { offsetBytes, lengthBytes } = flash.sectors[index]!;
  if (kind !== 'stuck') flash.breakSector(index, kind);
  // Bits that neither an erase nor a program moves, at the begin of the sector and in its middle.
  else for (const at of [2, lengthBytes >> 1]) flash.stick(offsetBytes + at, 0x21, flash.erasedValue ^ 0xff);
}

/** An update on flash that is worn, and a start after it. */
function worn(
  count: CutCount,
  its: Scene,
  flash: NorFlash,
  mayRecover: boolean,
  mustStart: boolean,
): readonly string[] {
  count.world(true);
  let atMs = 0;
  let said = 'nothing';
  try {
    const life = live({ scene: its, flash, known: nothingKnown(), startMs: atMs });
    atMs = life.nowMs + OFF_MS;
    said = life.result?.kind === 'done' ? 'done' : (life.result?.reason ?? 'no end');
    count.tally.add(said === 'done' ? 'updates-done' : 'updates-refused');
  } catch (error) {
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    count.tally.add('did-not-start');
    return mustStart ? [`I2 the meter stops: ${why}`] : [];
  }
  try {
    const view = powerOn(its, flash, atMs).view(atMs);
    const running = [its.old, its.next].find(({ version }) => version === view.runningVersion);
    if (view.mode === 'recovery' || view.mode === 'fallback') {
      count.tally.add(view.mode);
      return mayRecover ? [] : [`I2 ${view.mode} after an update that ended "${said}"`];
    }
    if (running === undefined || view.activeSlot === undefined) return [`I1 version ${view.runningVersion} runs`];
    const fault = slotFault(flash, view.activeSlot, running);
    return fault === undefined ? [] : [`I1 version ${view.runningVersion} runs, and ${fault}`];
  } catch (error) {
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return mustStart ? [`I2 the meter does not start again: ${why}`] : [];
  }
}

function wearOf(flash: NorFlash): readonly number[] {
  return flash.sectors.map(({ index }) => flash.wear(index));
}
