/** The control API: HTTP and JSON on loopback, for whoever has the token and is no page in a browser. */
import { EmulatorError, PowerLost } from '@smets1/emulator';
import { LinkError, type ListenAddress } from '@smets1/hardware';
import {
  errorResponse,
  guardServer,
  type GuardedRequest,
  type GuardedResponse,
  type ServerEvent,
} from '@smets1/http-guard';
import { CliError, type CliErrorCode } from '../errors.js';
import { CONTROL_BODY_BYTES_MAX, WATCHERS_MAX } from '../limits.js';
import type { BenchEvents } from '../meter/bench-events.js';
import type { Bench } from '../meter/bench.js';
import { toJson } from '../output/reporter.js';
import { COMMANDS, runBenchCommand, type BenchCommand } from './commands.js';

export interface ControlServer {
  readonly url: string;
  close(): Promise<void>;
}

export interface ControlOptions {
  readonly bench: Bench;
  readonly listen: ListenAddress;
  readonly token: string;
  /** Told of our own defects. */
  readonly report: (error: unknown) => void;
}

/** @throws GuardError `listen-failed`; `misuse` for a token that is too short, and beyond loopback */
export async function openControl({ bench, listen, token, report }: ControlOptions): Promise<ControlServer> {
  const guard = guardServer({
    token,
    limits: { bodyBytesMax: CONTROL_BODY_BYTES_MAX },
    handler: async (request) => {
      if (isEvents(request)) return eventsOf(bench.events);
      // One after the other, as they came: a bench is one thing, and `advance` takes its time.
      return await bench.inTurn(async () => await answer(bench, request));
    },
    report,
  });
  const { host, port } = await guard.listen(listen.port, listen.host);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    close: async () => await guard.close(),
  };
}

async function answer(bench: Bench, request: GuardedRequest): Promise<GuardedResponse> {
  const row = COMMANDS.find(({ route }) => route?.path === request.path && route.method === request.method);
  if (row === undefined) return notFound(request);
  try {
    const station = bench.station(request.query.get('meter'));
    const done = await runBenchCommand(row, { bench, station }, inputOf(row, request));
    if (done instanceof Uint8Array) return { status: 200, octets: done };
    const octets = new TextEncoder().encode(toJson(done));
    return { status: 200, octets, contentType: 'application/json; charset=utf-8' };
  } catch (error) {
    return refusalOf(error);
  }
}

function inputOf(row: BenchCommand, { body }: GuardedRequest): unknown {
  switch (body.kind) {
    case 'none':
      return row.file === 'input' ? new Uint8Array(0) : undefined;
    case 'json':
      return body.value;
    case 'octets':
      if (row.file === 'input') return body.octets;
      throw new CliError('usage', 'send a JSON body with Content-Type: application/json');
  }
}

function notFound({ method, path }: GuardedRequest): GuardedResponse {
  const there = COMMANDS.flatMap(({ route }) => (route === undefined ? [] : [`${route.method} ${route.path}`]));
  return errorResponse(
    404,
    'not-found',
    `there is no ${method} ${path}; there are ${there.join(', ')}, GET /v1/events`,
  );
}

const STATUS: Readonly<Record<CliErrorCode, number>> = {
  usage: 400,
  'file-missing': 400,
  'file-denied': 400,
  'file-empty': 400,
  'file-too-large': 400,
  'not-a-file': 400,
  'file-exists': 409,
  'owner-silent': 409,
  'no-power': 409,
  'wrong-clock': 409,
  'storage-full': 507,
  'storage-failed': 422,
};

/** What a client did wrong, and what became of its meter, is an answer; everything else is a defect, and the guard's to say. */
function refusalOf(error: unknown): GuardedResponse {
  if (error instanceof CliError) return errorResponse(STATUS[error.code], error.code, error.message);
  if (error instanceof PowerLost) return errorResponse(409, error.code, error.message);
  if (error instanceof EmulatorError) return errorResponse(422, error.code, error.message);
  if (error instanceof LinkError) return errorResponse(409, error.code, error.message);
  throw error;
}

function isEvents({ method, path }: GuardedRequest): boolean {
  return method === 'GET' && path === '/v1/events';
}

function eventsOf(events: BenchEvents): GuardedResponse {
  if (events.watcherCount >= WATCHERS_MAX) {
    return errorResponse(429, 'too-many-watchers', `${WATCHERS_MAX} watch already; close one`);
  }
  const watcher = events.watch();
  return {
    status: 200,
    events: {
      [Symbol.asyncIterator]: () => ({
        async next(): Promise<IteratorResult<ServerEvent, undefined>> {
          const told = await watcher.next();
          if (told.done === true) return { done: true, value: undefined };
          const { kind, sequence, ...data } = told.value;
          return { done: false, value: { id: String(sequence), event: kind, data } };
        },
        async return(): Promise<IteratorResult<ServerEvent, undefined>> {
          watcher.close();
          return await Promise.resolve({ done: true, value: undefined });
        },
      }),
    },
  };
}
