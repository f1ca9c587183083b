/**
 * Worlds of one cut, and of what follows it. The update is lived once, as a trunk; before each of its operations the flash is forked for each
 * way in which the power can go there. RAM is lost in a power cut anyway, so nothing has to be lived again to get to the cut.
 */
import type { NorFlash } from '@smets1/emulator';
import { createHash } from 'node:crypto';
import { Tally, type GoalContext, type GoalCount } from '../goal.js';
import { live, nothingKnown, type Known, type Moment } from './life.js';
import { checkEnd, checkRevert, look, type Allowances, type Look } from './oracle.js';
import type { Scene } from './scene.js';
import { nameOfStrike, strikeOfName, struck, type Strike } from './strike.js';

/** How long the power stays away. */
export const OFF_MS = 60_000;

/** A cut world, from the moment its power is back. */
export interface CutWorld {
  readonly scene: Scene;
  readonly moment: Moment;
  readonly strike: Strike;
  readonly caseId: string;
  readonly flash: NorFlash;
  /** A copy of what was known at the cut, for this world to go on with. */
  readonly known: Known;
  readonly atMs: number;
}

export interface CutWorldsOptions {
  readonly scenes: readonly Scene[];
  /** The ways in which the power goes at an operation. */
  readonly strikes: (moment: Moment, scene: Scene) => readonly Strike[];
  /** Operations that are of interest; all unless given. */
  readonly isCase?: (moment: Moment, scene: Scene) => boolean;
  /** In so many rounds, each with its part of the strikes: a run that is cut short has seen something of all operations. One unless given. */
  readonly rounds?: number;
  /** Of the budget, that these worlds may use up. */
  readonly share?: number;
  readonly judge: (world: CutWorld) => void;
}

/** Counts of a goal over cut worlds, and its verdicts. */
export class CutCount {
  readonly tally: Tally = new Tally();
  worlds = 0;
  /** That of the goal, watched: who uses it need not tell when the time was too short. */
  readonly context: GoalContext;
  #isCutShort = false;
  readonly #seen = new Set<string>();
  #distinct = 0;
  #first = 0;
  #last = 0;

  constructor(context: GoalContext) {
    this.context = {
      ...context,
      timeLeft: (share) => {
        const isLeft = context.timeLeft(share);
        this.#isCutShort ||= !isLeft;
        return isLeft;
      },
    };
  }

  /** @param isDistinct - It differs from all others by how it was made. */
  world(isDistinct = false): void {
    this.worlds += 1;
    if (isDistinct) this.#distinct += 1;
    this.context.progress(this.worlds);
  }

  /**
   * Notes how a flash stands after a cut. Worlds differ when the sector of their operation does, from what it was before and from the others
   * of that operation; the operations of a life all differ, so that shares of two workers can be added.
   *
   * @param outer - Names the first cut, where this is the second.
   */
  distinct({ scene, moment, flash }: Pick<CutWorld, 'scene' | 'moment' | 'flash'>, outer = ''): void {
    const life = `${outer}/${scene.name}:${moment.index}`;
    // The world cut before an operation is as the one cut after the operation before it, and belongs to that one.
    if (outer === '') this.#seen.add(`${life} ${sectorOf(moment, moment.flash)}`);
    const before = this.#seen.size;
    this.#seen.add(`${life} ${sectorOf(moment, flash)}`);
    this.#distinct += this.#seen.size - before;
  }

  fail(caseId: string, violations: readonly string[]): void {
    if (violations.length > 0) this.context.fail(caseId, violations.join('; '));
  }

  drew(seed: number): void {
    this.#first = this.#first === 0 ? seed : Math.min(this.#first, seed);
    this.#last = Math.max(this.#last, seed);
  }

  count(): GoalCount {
    // Of two processes 2: the time was enough for every case of the tier.
    if (!this.#isCutShort) this.tally.add('complete');
    return {
      worlds: this.worlds,
      distinct: this.#distinct,
      struck: this.tally.counts,
      seedRange: [this.#first, this.#last],
    };
  }
}

/** Every case of every scene that is this worker's, while there is time. Gives back whether all of them were lived. */
export function cutWorlds(context: GoalContext, options: CutWorldsOptions): boolean {
  const only = context.only === undefined ? undefined : caseOf(context.only);
  const rounds = only === undefined ? (options.rounds ?? 1) : 1;
  for (const [round, scene] of Array.from({ length: rounds }, (_, i) => i).flatMap((i) =>
    options.scenes.map((scene) => [i, scene] as const),
  )) {
    if (only !== undefined && only.scene !== scene.name) continue;
    const known = nothingKnown();
    let number = 0;
    live({
      scene,
      flash: scene.start.fork(),
      known,
      startMs: 0,
      onOperation(moment) {
        if (options.isCase?.(moment, scene) === false) return;
        if (only !== undefined ? only.index !== moment.index : number++ % context.worker.count !== context.worker.index)
          return;
        const strikes = only?.strike === undefined ? options.strikes(moment, scene) : [only.strike];
        for (const [i, strike] of strikes.entries()) {
          if (i % rounds !== round) continue;
          if (!context.timeLeft(options.share)) return;
          options.judge({
            scene,
            moment,
            strike,
            caseId: `${scene.name}:${moment.index}:${nameOfStrike(strike)}`,
            flash: struck(moment.flash, moment.operation, strike),
            known: { ...known },
            atMs: moment.nowMs + OFF_MS,
          });
        }
      },
    });
    if (!context.timeLeft(options.share)) return false;
  }
  return true;
}

interface Case {
  readonly scene: string;
  readonly index: number;
  readonly strike: Strike | undefined;
  /** Of the second cut, and so on. */
  readonly rest: readonly string[];
}

/** A case by its name: scene, operation, strike; and what a goal has put behind them. */
function caseOf(caseId: string): Case {
  const [scene = '', index = '', strike = '', ...rest] = caseId.split(':');
  return { scene, index: Number(index), strike: strikeOfName(strike), rest };
}

/** Powers a cut world on, looks, and sees that a trial in it would be taken back. */
export function judgeStart(count: CutCount, world: CutWorld, allow: Allowances = {}): Look {
  const { scene, flash, known, atMs, caseId } = world;
  const { tally } = count;
  const started = flash.fork();
  const seen = look(scene, started, known, atMs, allow);
  tally.add(`end-${seen.end}`);
  const violations = [...seen.violations];
  if (seen.end === 'trial') {
    violations.push(...checkRevert(scene, started, atMs + 1));
    tally.add('trials-reverted');
  }
  count.fail(caseId, violations);
  return seen;
}

/** Lets a cut world go on to its end with a host that resumes. */
export function judgeEnd(
  count: CutCount,
  world: CutWorld,
  allow: Allowances & { readonly mayRevert?: boolean } = {},
): void {
  const { scene, flash, known, atMs, caseId } = world;
  const { end, violations } = checkEnd(scene, flash.fork(), { ...known }, atMs, allow);
  count.tally.add('lived-to-the-end');
  count.tally.add(`ended-${end}`);
  count.fail(caseId, violations);
}

function sectorOf({ operation, flash: { sectors } }: Moment, flash: NorFlash): string {
  const { offsetBytes, lengthBytes } =
    operation.kind === 'erase'
      ? sectors[operation.sectorIndex]!
      : sectors.findLast((sector) => sector.offsetBytes <= operation.offsetBytes)!;
  return createHash('sha1').update(flash.read(offsetBytes, lengthBytes)).digest('binary');
}
