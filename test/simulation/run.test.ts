/** The runner: what it prints, when it fails, and that it never calls less done than was to be done. */
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { GOALS } from './goals/index.js';
import { merged } from './runner/crew.js';
import { floorOf, judge } from './runner/judge.js';
import { readWish, replayCommand, UsageError } from './runner/wish.js';
import { budgetSeconds, type Goal } from './goal.js';
import type { GoalLine } from './run.js';

const built = (path: string): string => fileURLToPath(new URL(`../dist/simulation/${path}`, import.meta.url));

interface Run {
  readonly code: number | null;
  readonly lines: readonly GoalLine[];
  readonly stderr: string;
}

function simulate(...args: readonly string[]): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [built('run.js'), '--goals', 'trial', ...args], {
    encoding: 'utf8',
  });
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { code: status, lines: lines.map((line) => JSON.parse(line) as GoalLine), stderr };
}

describe('npm run simulate', { timeout: 30_000 }, () => {
  it('prints one line of JSON a goal, with what both processes counted, and ends with 0', () => {
    const { code, lines, stderr } = simulate('--tier', 'Q', '--goal', 'good', '--seed', '7');
    expect(code).toBe(0);
    expect(lines).toHaveLength(1);
    const { seconds, commit, ...line } = lines[0]!;
    expect(line).toEqual({
      goal: 'good',
      tier: 'Q',
      worlds: 40,
      distinct: 40,
      struck: { 'worlds-with-luck': 40 },
      failures: 0,
      seedRange: [7, 46],
    });
    expect(seconds).toBeGreaterThan(0);
    expect(commit).toMatch(/^[0-9a-f]{12}\+?$|^unknown$/);
    expect(stderr).toBe('');
  });

  it('fails with the case, and with the command that lives it again', () => {
    const { code, lines, stderr } = simulate('--tier', 'Q', '--goal', 'failing', '--seed', '7');
    expect(code).toBe(1);
    expect(lines[0]).toMatchObject({ worlds: 40, failures: 1 });
    expect(stderr).toContain('FAILED failing case world:23: I1 world 23 of seed 7 is bad');
    expect(stderr).toContain('npm run simulate -- --tier Q --goal failing --seed 7 --replay world:23');
  });

  it('replays that case, alone and without a floor', () => {
    const bad = simulate('--tier', 'Q', '--goal', 'failing', '--seed', '7', '--replay', 'world:23');
    expect(bad.code).toBe(1);
    expect(bad.lines[0]).toMatchObject({ worlds: 1, failures: 1 });
    const good = simulate('--tier', 'Q', '--goal', 'failing', '--seed', '7', '--replay', 'world:22');
    expect(good.code).toBe(0);
    expect(good.lines[0]).toMatchObject({ worlds: 1, failures: 0 });
    const none = simulate('--tier', 'Q', '--goal', 'failing', '--seed', '7', '--replay', 'world:99');
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('no case "world:99"');
  });

  it('fails rather than shrinks when a floor is not reached', () => {
    const { code, lines, stderr } = simulate('--tier', 'Q', '--goal', 'short');
    expect(code).toBe(1);
    expect(lines[0]).toMatchObject({ worlds: 40, failures: 1 });
    expect(stderr).toContain('40 worlds are fewer than the floor of 41');
  });

  it('fails when something that must happen never did', () => {
    const { code, stderr } = simulate('--tier', 'Q', '--goal', 'empty');
    expect(code).toBe(1);
    expect(stderr).toContain('"cuts" never happened');
  });

  it.each([
    ['throwing', 'the goal threw Error: this goal is broken'],
    ['dying', 'worker 1 died before its end: SIGKILL'],
    ['leaving', 'worker 1 died before its end: exit code 0'],
  ])('fails when a worker is %s, whatever the other one counted', (goal, words) => {
    const { code, lines, stderr } = simulate('--tier', 'Q', '--goal', goal);
    expect(code).toBe(1);
    expect(lines[0]!.worlds).toBe(20);
    expect(stderr).toContain(words);
    expect(stderr).toContain('20 worlds are fewer than the floor of 40');
  });

  it('lets a goal that does not load, or prints, stop no other', () => {
    const { code, lines, stderr } = simulate('--tier', 'Q', '--goal', 'absent,noisy,once');
    expect(code).toBe(1);
    expect(lines.map(({ goal, worlds, failures }) => ({ goal, worlds, failures }))).toEqual([
      { goal: 'noisy', worlds: 40, failures: 0 },
      { goal: 'absent', worlds: 0, failures: 1 },
      { goal: 'once', worlds: 40, failures: 0 },
    ]);
    expect(stderr).toContain('it does not load');
  });

  it('puts cases and replays into the lines with --json, and stops at the first failure when asked', () => {
    const { lines, stderr } = simulate(
      '--tier',
      'Q',
      '--goal',
      'failing',
      '--seed',
      '7',
      '--json',
      '--stop-at-failure',
    );
    expect(stderr).toBe('');
    expect(lines[0]!.cases).toEqual([
      {
        case: 'world:23',
        detail: 'I1 world 23 of seed 7 is bad',
        replay: replayCommand('Q', 'failing', 7, 'world:23'),
      },
    ]);
  });

  it.each([
    [['--tier', 'X'], 'there is no tier "X"'],
    [[], 'which tier?'],
    [['--goal', 'failing', '--replay', 'world:1'], 'which tier?'],
    [['--tier', 'Q', '--goal', 'G99'], 'there is no goal "G99"'],
    [['--tier', 'Q', '--seed', '-1'], '--seed'],
    [['--tier', 'Q', '--total', 'soon'], '--total soon'],
    [['--tier', 'Q', '--replay', 'world:1'], '--replay needs the one --goal'],
    [['--tier', 'Q', '--quick'], '--quick'],
    [['--tier', 'Q', '--goals', 'none'], 'no table of goals "none"'],
  ])('ends with 2 for %j', (args, words) => {
    const { code, lines, stderr } = simulate(...args);
    expect(code).toBe(2);
    expect(lines).toEqual([]);
    expect(stderr).toContain(words);
    expect(stderr).toContain('usage: npm run simulate');
  });
});

describe('the budget', () => {
  const goal: Pick<Goal, 'floors' | 'floorCi'> = { floors: { Q: 600, M: 6_000, L: 36_000 }, floorCi: 90 };
  const floor = (...args: readonly string[]): number =>
    floorOf(goal as Goal, readWish(['--goal', 'a', ...args], ['a', 'b', 'c', 'd']));

  it('is that of tier M where a goal is named and no tier', () => {
    expect(readWish(['--goal', 'a'], ['a', 'b'])).toMatchObject({ tier: 'M', goals: ['a'] });
    expect(readWish(['--goal', 'a', '--tier', 'Q'], ['a', 'b']).tier).toBe('Q');
    expect(floor()).toBe(6_000);
  });

  it('is the whole of the tier unless said, and so is the floor', () => {
    expect(readWish(['--tier', 'M'], ['a']).secondsPerGoal).toBeUndefined();
    expect([budgetSeconds({}, 'M'), budgetSeconds({ seconds: { M: 2400 } }, 'M')]).toEqual([600, 2400]);
    expect(floor('--tier', 'M')).toBe(6_000);
  });

  it('is divided over the goals by --total, and the floor with it', () => {
    expect(readWish(['--tier', 'M', '--total', '60'], ['a', 'b', 'c', 'd']).secondsPerGoal).toBe(15);
    expect(floor('--tier', 'M', '--total', '60')).toBe(600);
    expect(floor('--tier', 'Q', '--total', '30')).toBe(300);
  });

  it('has floors of its own where CI runs, which are never above those of the whole tier', () => {
    const ci = readWish(
      ['--tier', 'Q', '--total', '240'],
      Array.from({ length: 16 }, (_, i) => `G${i}`),
    );
    expect(floorOf(goal as Goal, ci)).toBe(90);
    expect(floorOf({ ...goal, floorCi: 9_999 } as Goal, ci)).toBe(600);
  });

  it('refuses what is asked for wrongly', () => {
    expect(() => readWish(['--tier', 'Q', '--total', '0'], ['a'])).toThrow(UsageError);
  });
});

it('adds counts of shares, and ranges of seeds that were drawn', () => {
  const share = { worlds: 3, distinct: 2, struck: { cuts: 1, b: 4 }, seedRange: [0, 0] } as const;
  const other = { worlds: 4, distinct: 4, struck: { cuts: 2, a: 1 }, seedRange: [7, 9] } as const;
  expect(merged([share, other, { ...other, seedRange: [2, 3] }])).toEqual({
    worlds: 11,
    distinct: 10,
    struck: { a: 2, b: 4, cuts: 5 },
    seedRange: [2, 9],
  });
});

it('names what a goal proved nothing about', () => {
  const goal = { mustStrike: ['cuts'] } as unknown as Goal;
  const count = { worlds: 1, distinct: 1, struck: { cuts: 0 }, seedRange: [0, 0] } as const;
  expect(judge(goal, count, 0)).toHaveLength(1);
  expect(judge(goal, { ...count, struck: { cuts: 1 } }, 2)).toHaveLength(1);
});

it.each(Object.keys(GOALS))('has floors, something that must strike, and its own name for %s', async (id) => {
  const { goal } = await GOALS[id]!();
  expect(goal.id).toBe(id);
  expect(goal.mustStrike.length).toBeGreaterThan(0);
  for (const floor of [goal.floorCi, ...Object.values(goal.floors)]) expect(floor).toBeGreaterThan(0);
  expect(goal.floorCi).toBeLessThanOrEqual(goal.floors.Q);
});
