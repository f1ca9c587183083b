/** Calls `smets1` in this process, in a folder of its own, and keeps what it says. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LineInput } from '../console/input.js';
import { runCli } from '../run-cli.js';
import type { Shell, Terminal } from '../shell.js';

type Event = Readonly<Record<string, unknown>>;

export interface Called {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The JSON objects on stdout. */
  readonly events: readonly Event[];
  /** The last of them. */
  readonly result: Event;
}

export interface Running {
  readonly done: Promise<Called>;
  /** What SIGTERM does. */
  readonly interrupt: () => void;
  /** One line on its standard input. */
  readonly line: (text: string) => void;
  /** The JSON objects on stdout until now. */
  readonly soFar: () => readonly Event[];
  /** The first event of that name on stdout that is as wanted. */
  readonly event: (name: string, isWanted?: (event: Event) => boolean) => Promise<Event>;
}

/** A folder that ends with the test file. */
export function testFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'smets1-cli-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function start(folder: string, args: readonly string[], env: Shell['env'] = {}): Running {
  const [stdout, stderr] = [collected(), collected()];
  const interruption = new AbortController();
  // What is said before anybody listens waits, as in a pipe.
  const early: string[] = [];
  let onLine: (line: string) => void = (line) => void early.push(line);
  const input: LineInput = {
    wantsPrompt: () => false,
    start: (hear) => {
      onLine = hear;
      for (const line of early) hear(line);
    },
    stop: () => (onLine = () => undefined),
  };
  const shell: Shell = {
    stdout: stdout.terminal,
    stderr: stderr.terminal,
    input: async () => await Promise.resolve(input),
    env,
    folder,
    nowMs: () => performance.now(),
    interruption: () => interruption.signal,
  };
  let isOver = false;
  const done = runCli(args, shell).then((exitCode): Called => {
    isOver = true;
    const events = eventsOf(stdout.text());
    return { exitCode, stdout: stdout.text(), stderr: stderr.text(), events, result: events.at(-1) ?? {} };
  });
  return {
    done,
    interrupt: () => interruption.abort(),
    line: (text) => onLine(text),
    soFar: () => eventsOf(stdout.text()),
    event: async (name, isWanted = () => true) => {
      for (;;) {
        const found = eventsOf(stdout.text()).find((event) => event['event'] === name && isWanted(event));
        if (found !== undefined) return found;
        if (isOver) throw new Error(`no event ${name} in: ${stdout.text()}${stderr.text()}`);
        // eslint-disable-next-line no-await-in-loop -- one write after the other
        await Promise.race([stdout.more(), done]);
      }
    },
  };
}

export async function call(folder: string, ...args: readonly string[]): Promise<Called> {
  return await start(folder, args).done;
}

function collected(): { readonly terminal: Terminal; readonly text: () => string; readonly more: () => Promise<void> } {
  let text = '';
  let wake: (() => void)[] = [];
  return {
    terminal: {
      write: (more) => {
        text += more;
        const waiting = wake;
        wake = [];
        for (const one of waiting) one();
      },
      isTty: false,
      columns: 80,
      color: false,
    },
    text: () => text,
    more: async () => await new Promise<void>((resolve) => void wake.push(resolve)),
  };
}

function eventsOf(stdout: string): readonly Event[] {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Event);
}
