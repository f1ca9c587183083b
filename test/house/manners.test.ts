/** Goal: nothing half-run, half-done, silenced or too large to read, and nothing of the machine it was written on. */
import { describe, expect, it } from 'vitest';
import { checkMachine, checkManners, checkSize } from './rules/manners.js';
import type { Manifest } from './tables.js';
import { isInSrc, isTypeScript, read, readJson, sources } from './tree.js';

// A `~` cuts each in two, because this file is held against the rules too.
const whole = (text: string): string => text.replace('~', '');
const broken: readonly (readonly [string, string])[] = [
  ['a skipped test', "it~.skip('a', () => {});"],
  ['a focused suite', "describe~.only('a', () => {});"],
  ['an empty test', "test~.todo('a');"],
  ['a test that is skipped sometimes', "it~.skipIf(x)('a', () => {});"],
  ['a skipped table', "it.concurrent~.skip.each([1])('a', () => {});"],
  ['the old way to skip', "x~it('a', () => {});"],
  ['something left to do', '// TO~DO: later'],
  ['something to mend', '/* FIX~ME */'],
  ['a silenced compiler', '// @ts~-ignore'],
  ['a silenced lint rule', '// ox~lint-disable-next-line no-eval'],
  ['any', 'let a:~ any;'],
  ['a cast to any', 'const b = a as~ any;'],
];

describe('the rule of manners', () => {
  it.each(broken)('refuses %s', (_, text) => {
    expect(checkManners({ path: 'a.test.ts', text: whole(text) })).toEqual([expect.stringContaining('a.test.ts:1 ')]);
  });

  it('lets ordinary code through', () => {
    const text = `it.each([1])('takes any %i', () => {}); stream.skip(4); // ox~lint-disable-next-line no-eval -- the point of this test`;
    expect(checkManners({ path: 'a.test.ts', text: whole(text) })).toEqual([]);
  });

  it('refuses a room that is too large', () => {
    expect(checkSize({ path: 'a.ts', text: '\n'.repeat(501) })).toHaveLength(1);
    expect(checkSize({ path: 'a.ts', text: '\n'.repeat(500) })).toEqual([]);
  });

  it.each([
    'cp /ho~me/ann/x .',
    '"/ro~ot/x"',
    'C:\\Us~ers\\ann',
    '(/wo~rk/x)',
    'registry~=x',
    'https://regis~try.npmjs.org/',
  ])('refuses %s', (text) => {
    expect(checkMachine({ path: 'a.md', text: whole(text) })).toHaveLength(1);
  });

  it('refuses a lock file that says where a package was downloaded', () => {
    expect(
      checkMachine({ path: 'package-lock.json', text: whole('  "resolved": ~"http://127.0.0.1:4873/a.tgz",') }),
    ).toHaveLength(1);
    expect(checkMachine({ path: 'package-lock.json', text: '  "resolved": "packages/dco",' })).toEqual([]);
  });
});

describe('this tree', () => {
  it('leaves nothing half-run, half-done or silenced', () => {
    const checked = sources((path) => isTypeScript(path) || /\.[cm]?js$/.test(path));
    expect(checked.length).toBeGreaterThan(20);
    expect(checked.flatMap(checkManners)).toEqual([]);
  });

  it('has no room that is too large', () => {
    expect(sources((path) => isTypeScript(path) && isInSrc(path)).flatMap(checkSize)).toEqual([]);
  });

  it('names no path of one machine and no package registry', () => {
    const checked = sources((path) => !/\.(bin|png|gz|zip|der)$/.test(path));
    expect(checked.map(({ path }) => path)).toContain('package-lock.json');
    expect(checked.flatMap(checkMachine)).toEqual([]);
  });

  it('runs every check that package.json offers in its test command', () => {
    const { scripts = {} } = readJson('package.json') as Manifest;
    const steps = read('scripts/test.mjs');
    const checks = Object.keys(scripts).filter((name) => name.startsWith('check:'));
    expect(checks.filter((name) => !steps.includes(`'${name}'`))).toEqual([]);
  });
});
