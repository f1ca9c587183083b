/** What `smets1 --help` costs above a bare start of Node.js, in processes that take turns. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { compare } from './rounds.js';

const SMETS1 = join(import.meta.dirname, '../../../packages/cli/bin/smets1.js');

/** Milliseconds, median of the rounds. @throws when the command fails */
export function helpAboveBareNodeMs(): number {
  const { ours, floor } = compare(
    { name: 'smets1 --help', run: () => node(SMETS1, '--help') },
    { name: 'node', run: () => node('-e', '0') },
  );
  return ours.medianMs - floor.medianMs;
}

function node(...args: readonly string[]): true {
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`);
  return true;
}
