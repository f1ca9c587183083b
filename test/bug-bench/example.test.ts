/**
 * Goal: the power-cut example of the README proves something.
 * Method: it is run, as it stands, on modules with a seeded bug; three different bugs turn it red.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { expect, it } from 'vitest';
import { ROOT } from './place.js';

const CONFIG = join(ROOT, 'test/bug-bench/example.vitest.config.ts');
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');

it.each(['2', '23', '34'])(
  'the power-cut example of the README turns red under bug %s',
  { timeout: 180_000 },
  (bug) => {
    const ended = spawnSync(process.execPath, [VITEST, 'run', '--config', CONFIG, '--reporter=verbose', '--no-color'], {
      cwd: ROOT,
      env: { ...process.env, SMETS1_BENCH_BUG: bug, VITEST: undefined },
      encoding: 'utf8',
      timeout: 170_000,
    });
    // It ran, and its one property failed: a run that did not begin proves nothing.
    expect(`${ended.stdout}${ended.stderr}`).toContain('an update survives power cuts');
    expect(ended.stdout).toMatch(/Property failed after \d+ tests|Test timed out/);
    expect(ended.status).toBe(1);
  },
);
