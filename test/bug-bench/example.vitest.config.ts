/** Runs the README's example on modules that have the bug of SMETS1_BENCH_BUG. Vitest loads workspaces by itself, past the hook of Node. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { defineConfig } from 'vitest/config';
import { edited } from './bug.js';
import { BUGS } from './bugs.js';
import { fileOf, ROOT } from './place.js';
import { fileURLToPath } from 'node:url';

const bug = BUGS.find(({ id }) => id === process.env['SMETS1_BENCH_BUG']);
if (bug === undefined) throw new Error('SMETS1_BENCH_BUG names no bug');

export default defineConfig({
  root: ROOT,
  plugins: [
    {
      name: 'seeded-bug',
      enforce: 'pre',
      load(id: string): string | undefined {
        const edits = bug.edits.filter(({ module }) => fileURLToPath(fileOf(module)) === id);
        return edits.length === 0 ? undefined : edited(readFileSync(id, 'utf8'), edits);
      },
    },
  ],
  test: { include: ['examples/power-cuts.test.ts'], testTimeout: 120_000, allowOnly: false },
});
