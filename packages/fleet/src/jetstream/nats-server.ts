/** A nats-server of our own, on loopback, with its streams in a directory: for tests and benches. People have `scripts/nats.sh`. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '@smets1/journal';
import * as v from 'valibot';
import { SERVER_POLL_MS, SERVER_START_MS_MAX } from '../limits.js';
import { messageOf, WorkError } from './error.js';

export interface NatsServerOptions {
  /** Streams are in `store` here; it is made where it is not. */
  readonly directory: string;
  /** 0: the system chooses. */
  readonly port: number;
  readonly token?: string;
  /** Without streams, as `nats-server` starts by itself. */
  readonly jetstream?: boolean;
}

export interface NatsServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it by its pid; SIGTERM unless told. What it holds stays in its directory. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** @throws {@link WorkError} `server-missing`: not installed; `server-unreachable`: it does not come up, with what it said */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const { directory, port, token, jetstream } = options;
  const portsFolder = join(directory, 'ports');
  rmSync(portsFolder, { recursive: true, force: true });
  mkdirSync(portsFolder, { recursive: true });
  const args = ['-a', '127.0.0.1', '-p', port === 0 ? '-1' : String(port), '--ports_file_dir', portsFolder];
  if (jetstream !== false) args.push('-js', '-sd', join(directory, 'store'));
  if (token !== undefined) args.push('--auth', token);
  const child = spawn('nats-server', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-SAID_CHARS);
  });
  const ended = new Promise<WorkError>((resolve) => {
    child.once('error', (error) => resolve(notStarted(error)));
    child.once('close', (code, signal) =>
      resolve(new WorkError('server-unreachable', `nats-server ended with ${signal ?? code}: ${said.trim()}`)),
    );
  });
  const looking = new AbortController();
  const chosen = await Promise.race([portOf(portsFolder, looking.signal), ended]);
  looking.abort();
  if (typeof chosen !== 'number') {
    child.kill('SIGKILL');
    throw chosen;
  }
  return {
    url: `nats://127.0.0.1:${chosen}`,
    port: chosen,
    pid: child.pid!,
    stop: async (signal = 'SIGTERM') => await stop(child, ended, signal),
  };
}

const SAID_CHARS = 2_000;

async function stop(child: ChildProcess, ended: Promise<unknown>, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), SERVER_START_MS_MAX);
  await ended;
  clearTimeout(timer);
}

const PORTS = v.object({ nats: v.tupleWithRest([v.string()], v.string()) });

/** The server writes where it listens into a file, once it does. */
async function portOf(folder: string, signal: AbortSignal): Promise<number | WorkError> {
  for (let waitedMs = 0; waitedMs < SERVER_START_MS_MAX && !signal.aborted; waitedMs += SERVER_POLL_MS) {
    const file = readdirSync(folder).find((name) => name.endsWith('.ports'));
    const port = file === undefined ? undefined : portIn(join(folder, file));
    if (port !== undefined) return port;
    await new Promise((resolve) => setTimeout(resolve, SERVER_POLL_MS));
  }
  return new WorkError('server-unreachable', `nats-server does not listen after ${SERVER_START_MS_MAX} ms`);
}

function portIn(path: string): number | undefined {
  try {
    const read = v.safeParse(PORTS, JSON.parse(readFileSync(path, 'utf8')));
    return read.success ? Number(new URL(read.output.nats[0]).port) : undefined;
  } catch {
    return undefined; // half written
  }
}

function notStarted(error: Error): WorkError {
  if (errnoOf(error) !== 'ENOENT')
    return new WorkError('server-unreachable', `nats-server cannot be started: ${messageOf(error)}`, { cause: error });
  return new WorkError(
    'server-missing',
    'nats-server is not installed; install it with: bash scripts/setup.sh nats-server',
    {
      cause: error,
    },
  );
}
