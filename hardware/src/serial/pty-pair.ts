import { spawn, type ChildProcess } from 'node:child_process';
import { lstat, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PTY_COMPLAINT_CHARS_MAX, PTY_READY_MS_MAX } from '../limits.js';
import { LinkError } from '../link.js';

export interface PtyPairOptions {
  /** Where the two ends shall be found; made under the system's temporary directory when absent. */
  readonly a?: string;
  readonly b?: string;
}

/** Two serial ports of this machine, joined: what is written to one is read from the other. */
export interface PtyPair {
  readonly a: string;
  readonly b: string;
  /** Pulls the plug: both open ends are hung up and the paths disappear. Safe to repeat. */
  close(): Promise<void>;
}

/**
 * Makes a pair of pseudo terminals with socat, for meters and heads that must believe in a serial line.
 *
 * As on a real line, one end may be closed and opened again without the other noticing. Nothing paces it: the baud rate
 * has no effect. The pair ends with this process.
 *
 * @throws LinkError `not-found` with the line that installs socat; `bad-address` for a path socat cannot be told;
 *   `busy` when a path is taken; `timeout` or `io` when socat does not do its work.
 */
export async function ptyPair(options: PtyPairOptions = {}): Promise<PtyPair> {
  const directory = await mkdtemp(join(tmpdir(), 'smets1-pty-'));
  const a = options.a ?? join(directory, 'a');
  const b = options.b ?? join(directory, 'b');
  try {
    await checkPath(a);
    await checkPath(b);
    const child = await startSocat(a, b);
    return joined(child, directory, a, b);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/**
 * socat outlives whoever started it, and would hold the line and its paths against the next one. So a shell watches its own
 * standard input, a pipe that closes with this process however that ends, and then stops socat.
 */
const KEEPER =
  'socat -d -d "$1" "$2" & line=$!; exec 3<&0; { while read -r _; do :; done <&3; kill "$line"; } 2>/dev/null & wait "$line"';
const SHELL_NOT_FOUND = 127;

function joined(child: ChildProcess, directory: string, a: string, b: string): PtyPair {
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    unplug(child);
    if (child.exitCode === null && child.signalCode === null) await gone;
    for (const path of [a, b]) await rm(path, { force: true }); // killed by others, socat leaves its links behind
    await rm(directory, { recursive: true, force: true });
  };
  return { a, b, close: async () => await (closing ??= close()) };
}

async function startSocat(a: string, b: string): Promise<ChildProcess> {
  const ends = [a, b].map((path) => `pty,raw,echo=0,link=${path}`);
  const child = spawn('/bin/sh', ['-c', KEEPER, 'sh', ...ends], { stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin.on('error', () => undefined); // the shell may be gone before its input
  let said = '';
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => {
        reject(new LinkError('timeout', `socat made no line within ${PTY_READY_MS_MAX} ms: ${said.trim()}`));
      }, PTY_READY_MS_MAX);
      child.on('error', (error) =>
        reject(new LinkError('io', `socat cannot be started: ${error.message}`, { cause: error })),
      );
      child.once('exit', (code) => reject(endedAtOnce(code, said)));
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-PTY_COMPLAINT_CHARS_MAX);
        if (said.includes('starting data transfer loop')) resolve(); // said after both links were made
      });
    });
    return child;
  } catch (error) {
    unplug(child);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The keeper does the rest. */
function unplug(child: ChildProcess): void {
  child.stdin?.destroy();
}

function endedAtOnce(code: number | null, said: string): LinkError {
  if (code === SHELL_NOT_FOUND) {
    return new LinkError('not-found', 'a pair of serial ports needs socat; install it: apt-get install -y socat');
  }
  return new LinkError('io', `socat ended at once: ${said.trim()}`);
}

async function checkPath(path: string): Promise<void> {
  // socat's own grammar gives meaning to commas, colons, quotes and more, and has no dependable way to escape them.
  if (!/^[\w./+@-]+$/.test(path)) {
    const example = 'an example: /tmp/meter-line';
    throw new LinkError(
      'bad-address',
      `socat cannot be told the path “${path}”; take letters, digits and ./+@-_; ${example}`,
    );
  }
  const exists = await lstat(path).then(
    () => true,
    () => false,
  );
  if (exists) throw new LinkError('busy', `${path} exists already; remove it or choose another path`);
}
