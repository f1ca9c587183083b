/** Goal: the page on the control API is right: its examples run as they stand, in order, against the built command. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testFolder } from '../test-support/call.js';
import { COMMANDS } from './commands.js';
import { BENCH_EVENT_KINDS } from '../meter/bench-events.js';

const page = readFileSync(new URL('../../docs/CONTROL.md', import.meta.url), 'utf8');
const SMETS1 = fileURLToPath(new URL('../../bin/smets1.js', import.meta.url));
const [startLines = '', setUp = '', ...examples] = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(
  ([, block = '']) => block,
);
const folder = testFolder();
let bench: ChildProcess | undefined;
let url = '';

beforeAll(async () => {
  const args = startLines.trim().split(' ').slice(1);
  // The address of the page may be taken on this machine.
  const free = args.map((arg) => (arg === '127.0.0.1:9000' ? '127.0.0.1:0' : arg));
  bench = spawn(process.execPath, [SMETS1, ...free, '--json'], {
    cwd: folder.path,
    env: { ...process.env, INIT_CWD: folder.path },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => bench?.kill('SIGKILL'));
  for await (const line of createInterface({ input: bench.stdout! })) {
    const event = JSON.parse(line) as { readonly event: string; readonly control?: string };
    if (event.event === 'ready') {
      url = event.control ?? '';
      return;
    }
  }
  throw new Error('the bench did not start');
});
afterAll(() => {
  bench?.kill('SIGTERM');
  folder.remove();
});

interface Answered {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function sh(lines: string): Answered {
  const script = `set -e\n${setUp.replace('http://127.0.0.1:9000', url)}\n${lines.replaceAll('curl ', 'curl --fail-with-body ')}`;
  return spawnSync('bash', ['-c', script], { cwd: folder.path, encoding: 'utf8' });
}

describe('docs/CONTROL.md', () => {
  it('has an example of every route, and names every event', () => {
    for (const { route } of COMMANDS) {
      if (route === undefined) continue;
      expect(page).toContain(`${route.method} ${route.path}`);
      expect(examples.join('')).toContain(`$CONTROL${route.path}`);
    }
    for (const kind of BENCH_EVENT_KINDS) expect(page).toContain(`\`${kind}\``);
  });

  it.each(examples.flatMap((block) => block.trim().split('\n')).map((line) => [line] as const))('%s', (line) => {
    const { status, stdout, stderr } = sh(line);
    expect({ status, stderr, stdout: status === 0 ? '' : stdout }).toEqual({ status: 0, stderr: '', stdout: '' });
  });

  it('shows requests that are let in, and only these', () => {
    const asked = (...headers: readonly string[]): string =>
      sh(
        `curl -sS -o /dev/null -w '%{http_code}' ${headers.map((header) => `-H "${header}"`).join(' ')} "$CONTROL/v1/state" || true`,
      ).stdout;
    expect(asked('$AUTH')).toBe('200');
    expect(asked()).toBe('401');
    expect(asked('Authorization: Bearer a-token-that-is-not-it')).toBe('401');
    expect(asked('$AUTH', 'Origin: http://127.0.0.1:9000')).toBe('403');
    expect(asked('$AUTH', 'Host: example.org')).toBe('403');
  });
});
