/**
 * `node --import ./test/dist/bug-bench/register.js` with a bug's number in SMETS1_BENCH_BUG: the modules that this process and its children load
 * have that bug. Test code only; nothing that is published knows of it.
 */
import { register } from 'node:module';
import process from 'node:process';
import { BUGS } from './bugs.js';
import type { HookData } from './hooks.js';
import { fileOf } from './place.js';

const id = process.env['SMETS1_BENCH_BUG'];
if (id !== undefined && id !== '') {
  const bug = BUGS.find((candidate) => candidate.id === id);
  if (bug === undefined) throw new Error(`there is no bug ${id}`);
  const data: HookData = {
    edits: bug.edits.map((edit) => ({ ...edit, url: fileOf(edit.module).href })),
    mark: process.env['SMETS1_BENCH_MARK'],
  };
  register('./hooks.js', import.meta.url, { data });
}
