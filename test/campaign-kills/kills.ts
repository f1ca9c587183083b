/**
 * Goal: kill -9 of the process that runs a campaign, at any moment, loses no meter and updates none twice.
 * Method: real meters and a real DCO as processes of their own. The runner is killed again and again at drawn moments, and the same command goes on; at
 * the end of each campaign the meters are asked how often boot brought the version up, and an independent checker reads the journal.
 */
import { createWorld } from '@smets1/host';
import { eventsOf } from '../support/smets1.js';
import { openYard, type Round } from './yard.js';

/** A kill from the first moment of the process on, or from the moment on at which it has taken its journal. */
const STARTING_SHARE = 0.25;
const STARTING_MS = 500;
const WORKING_MS = 700;
/** Campaigns after which it gives up: a kill that keeps missing is a fault of this check. */
const ROUNDS_MAX = 60;
/** A run that lasts longer than this waits for something that never comes. */
const RUN_MS_MAX = 180_000;

export interface KillCounts {
  readonly seed: number;
  readonly struck: number;
  /** What the killed process had told last. */
  readonly after: Readonly<Record<string, number>>;
  readonly campaigns: number;
  readonly updates: number;
  readonly runs: number;
  readonly faults: readonly string[];
}

export interface KillWish {
  readonly kills: number;
  readonly seed: number;
  readonly meters: number;
  readonly say: (text: string) => void;
}

export async function killCampaigns({ kills, seed, meters, say }: KillWish): Promise<KillCounts> {
  const luck = createWorld({ seed }).random('moments');
  const faults: string[] = [];
  const after: Record<string, number> = {};
  let [struck, campaigns, runs] = [0, 0, 0];
  const yard = await openYard(meters);
  try {
    while (struck < kills && faults.length === 0) {
      if (campaigns === ROUNDS_MAX) {
        faults.push(`only ${struck} of ${kills} kills struck in ${campaigns} campaigns`);
        break;
      }
      const round = await yard.round();
      const before = struck;
      await live(round);
      campaigns += 1;
      faults.push(...(await round.audit()));
      say(`version ${round.version}: ${struck - before} kills, ${meters} meters updated once`);
    }
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
  } finally {
    await yard.close();
  }
  return { seed, struck, after, campaigns, updates: campaigns * meters, runs, faults };

  async function live(round: Round): Promise<void> {
    for (;;) {
      const child = round.start();
      runs += 1;
      if (struck < kills) {
        const isStarting = luck.below(1_000) < STARTING_SHARE * 1_000;
        if (!isStarting) await child.line((line) => line.includes('"running"')).catch(() => undefined);
        const moment = luck.below(isStarting ? STARTING_MS : WORKING_MS);
        await Promise.race([child.ended, new Promise((resolve) => setTimeout(resolve, moment))]);
        child.kill();
      }
      const alarm = setTimeout(() => {
        faults.push(`the runner still waits after ${RUN_MS_MAX} ms: ${child.stdout()}${child.stderr()}`);
        child.kill();
      }, RUN_MS_MAX);
      const how = await child.ended;
      clearTimeout(alarm);
      if (faults.length > 0) return;
      if (how === 'SIGKILL') {
        const told = eventsOf(child).at(-1)?.event ?? 'nothing';
        // After the last record there is nothing left to strike.
        if (told === 'ended') continue;
        struck += 1;
        after[told] = (after[told] ?? 0) + 1;
        continue;
      }
      if (how !== 0) faults.push(`the runner ended with ${how}: ${child.stdout()}${child.stderr()}`);
      return;
    }
  }
}
