/**
 * Goal: the model says what the code does, and each of its guards is there for a reason.
 * Method: some walks are lived again by the shipped meter; one guard is taken out; a walk that was tampered with must not agree. Goal G16 does all
 * of it at length.
 */
import { describe, expect, it } from 'vitest';
import { Replayer } from './replay.js';
import { GUARDS, WALK_BLOCKS, walkSize } from './searches.js';
import { missingTool, modelText, search, walk } from './spin.js';

const WALKS = 20;

describe('the model', () => {
  it('has its tools', () => {
    expect(missingTool()).toBeUndefined();
  });

  it('is small enough to be read, and lists each of its guards', () => {
    expect(modelText().split('\n').length).toBeLessThanOrEqual(300);
    const named = modelText().match(/HAS\(NO_[A-Z_]+\)/g) ?? [];
    const inModel = [...new Set(named.map((text) => text.slice(4, -1)))].toSorted();
    expect(GUARDS.map(({ name }) => name).toSorted()).toEqual(inModel);
    expect(inModel.length).toBeGreaterThanOrEqual(12);
  });

  it('has a counterexample without the verification at boot, and a way that leads there', { timeout: 60_000 }, () => {
    const guard = GUARDS.find(({ name }) => name === 'NO_BOOT_VERIFY')!;
    const { violation, moves } = search(guard.search, 50_000);
    expect(violation).toContain('assertion violated');
    expect(moves.some((move) => move.startsWith('rot'))).toBe(true);
  });
});

describe('a walk of the model', () => {
  const replayer = new Replayer(WALK_BLOCKS);

  it('is what the shipped meter does as well', { timeout: 60_000 }, () => {
    let events = 0;
    for (let seed = 1; seed <= WALKS; seed++) {
      const replayed = replayer.replay(walk(walkSize(seed), seed));
      expect(replayed.disagreement, `walk ${seed}`).toBeUndefined();
      events += replayed.events;
    }
    expect(events).toBeGreaterThan(10 * WALKS);
  });

  it('has its cuts in whatever is left of an offer, whichever came before', () => {
    const cuts = ['erase', 'header', 'begin'];
    const offer = 'hears OFFER 0 4 3 0';
    const nothing = 'state 0 1 0 0 0 1 0 NONE';
    const threes = cuts.flatMap((a) => cuts.flatMap((b) => cuts.map((c) => [a, b, c])));
    for (const three of threes) {
      const lines = [nothing, ...three.flatMap((cut) => [offer, `cut ${cut}`, nothing])];
      lines.push(offer, 'says ACCEPT SEND', 'state 0 1 3 0 0 1 0 NONE');
      lines.push('hears DATA 1 0 0 3', 'says SACK', 'state 0 1 3 1 0 1 0 NONE');
      const { events, disagreement, struck } = replayer.replay(lines);
      expect(disagreement, three.join(' ')).toBeUndefined();
      expect(events).toBe(6);
      expect(struck).toMatchObject(
        Object.fromEntries(three.map((cut) => [`cut ${cut}`, three.filter((one) => one === cut).length])),
      );
    }
  });

  it('is not, once its states are other ones', () => {
    const lines = walk(walkSize(4), 4).map((line) => line.replace(/^state 0 1 3 1 /, 'state 0 1 3 3 '));
    expect(replayer.replay(lines).disagreement).toContain('the model is at');
  });
});
