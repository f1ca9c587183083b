/**
 * Goal: a seeded bug is what it says, no more and no less, and nothing that is published could have one switched on.
 * Method: every edit is applied to the module that was built; every octet of every published package is searched for the bench's words.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GOALS } from '../simulation/goals/index.js';
import { edited } from './bug.js';
import { BUGS } from './bugs.js';
import { fileOf, ROOT } from './place.js';

const MODULES = [...new Set(BUGS.flatMap(({ edits }) => edits.map(({ module }) => module)))];

describe('the seeded bugs', () => {
  it.each(BUGS)('bug $id fits the built modules exactly once: $title', ({ edits }) => {
    const changed = MODULES.filter((module) => edits.some((edit) => edit.module === module)).map((module) => {
      const source = readFileSync(fileOf(module), 'utf8');
      const own = edits.filter((edit) => edit.module === module);
      return edited(source, own) !== source;
    });
    expect(changed.length).toBeGreaterThan(0);
    expect(changed).not.toContain(false);
  });

  it('have each an identity of their own, and a goal that there is', () => {
    expect(new Set(BUGS.map(({ id }) => id)).size).toBe(BUGS.length);
    for (const { goal } of BUGS) expect(Object.keys(GOALS)).toContain(goal);
    expect(BUGS.length).toBeGreaterThanOrEqual(24);
  });

  it('are refused where a module no longer has what they change', () => {
    const edit = { module: 'm', find: 'a === b', replace: 'true' };
    expect(() => edited('if (a !== b) {}', [edit])).toThrow('fits 0 times');
    expect(() => edited('a === b; a === b', [edit])).toThrow('fits 2 times');
    expect(edited('if (a === b) {}', [edit])).toBe('if (true) {}');
  });
});

describe('what is published', () => {
  const files = publishedFiles();

  it('has modules to look at', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(files.some((file) => file.endsWith(join('boot', 'boot.js')))).toBe(true);
  });

  it('knows nothing of the bench: no switch, no bug, no hook', () => {
    const words = [/SMETS1_BENCH/, /bug-bench/i, /seeded bug/i, /node:module['"].*register|register\(.*hooks/];
    const found = files.filter((file) => {
      const text = readFileSync(file, 'utf8');
      return words.some((word) => word.test(text));
    });
    expect(found).toEqual([]);
  });
});

/** Everything in dist/ of every workspace that is not private. */
function publishedFiles(): readonly string[] {
  const root = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly workspaces: readonly string[];
  };
  const folders = root.workspaces.flatMap((pattern) => {
    if (!pattern.endsWith('/*')) return [join(ROOT, pattern)];
    const parent = join(ROOT, pattern.slice(0, -2));
    return readdirSync(parent).map((name) => join(parent, name));
  });
  return folders.flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { readonly private?: boolean };
    if (manifest.private === true) return [];
    return readdirSync(join(folder, 'dist'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.js'))
      .map((name) => join(folder, 'dist', name));
  });
}
