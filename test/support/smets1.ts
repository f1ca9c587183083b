/** The command as users run it: the built CLI in a process of its own. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { child, type Child } from './child.js';

/** Found by name: this file also runs from where it was compiled to. */
const MAIN = join(dirname(createRequire(import.meta.url).resolve('@smets1/cli')), 'main.js');

export interface CliEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

export function smets1(...args: readonly string[]): Child {
  // Text for people must not depend on where the tests run.
  const { INIT_CWD: _, ...env } = process.env;
  return child(process.execPath, [MAIN, ...args], { env: { ...env, NO_COLOR: '1' } });
}

/** The events so far; `--json` prints one object a line. */
export function eventsOf(run: Child): readonly CliEvent[] {
  return run
    .stdout()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as CliEvent);
}

/** The next event that fits, from the first line on. */
export async function eventOf(run: Child, fits: (event: CliEvent) => boolean): Promise<CliEvent> {
  return JSON.parse(await run.line((line) => fits(JSON.parse(line) as CliEvent))) as CliEvent;
}

/** Runs to the end. @throws with both outputs when the exit code is another one. */
export async function finished(run: Child, exitCode = 0): Promise<CliEvent | undefined> {
  const how = await run.ended;
  if (how !== exitCode) throw new Error(`ended with ${how}, not ${exitCode}\n${run.stdout()}\n${run.stderr()}`);
  const last = run.stdout().trimEnd().split('\n').at(-1) ?? '';
  return last.startsWith('{') ? (JSON.parse(last) as CliEvent) : undefined;
}
