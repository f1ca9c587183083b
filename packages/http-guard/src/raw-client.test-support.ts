/** A guarded server with small limits, and raw sockets to it. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { guardServer } from './guard-server.js';
import type { GuardOptions, GuardedRequest, GuardedServer } from './guard-server.js';

export const TOKEN = 'canary-token-0123456789';
/** Deadlines that a busy machine meets, whatever it does meanwhile: no test lives that long. */
const ROOMY = { incompleteMsMax: 60_000, idleMsMax: 60_000, sendStallMsMax: 60_000, closeGraceMs: 50 };

export interface Running {
  readonly guard: GuardedServer;
  readonly port: number;
  readonly host: string;
  readonly seen: GuardedRequest[];
  readonly reported: unknown[];
}
const running: GuardedServer[] = [];
const sockets: Socket[] = [];

/** After each test: nothing that it opened stays. */
export async function endAll(): Promise<void> {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map((guard) => guard.close()));
}

export async function start(options: Partial<GuardOptions> = {}): Promise<Running> {
  const seen: GuardedRequest[] = [];
  const reported: unknown[] = [];
  const { handler, limits, ...rest } = options;
  const guard = guardServer({
    token: TOKEN,
    allowedOrigins: (port) => [`http://127.0.0.1:${port}`],
    handler: (request) => {
      seen.push(request);
      return handler === undefined ? { status: 200, json: { hello: request.path } } : handler(request);
    },
    report: (error) => reported.push(error),
    limits: { ...ROOMY, ...limits },
    ...rest,
  });
  running.push(guard);
  const { port } = await guard.listen(0);
  return { guard, port, host: `127.0.0.1:${port}`, seen, reported };
}

/** Connects, writes, and gives what came back when the other end has closed. */
export function talk(
  port: number,
  ...pieces: readonly string[]
): Promise<{ readonly text: string; readonly endedMs: number }> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    const socket = open(port);
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (piece: string) => (text += piece));
    socket.on('close', () => resolve({ text, endedMs: performance.now() - startedMs }));
    for (const piece of pieces) socket.write(piece);
  });
}
export function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {}); // a reset is an ending like any other here
  sockets.push(socket);
  return socket;
}
export const head = (host: string, start = 'GET /a HTTP/1.1', ...more: readonly string[]): string =>
  [start, `Host: ${host}`, `Authorization: Bearer ${TOKEN}`, ...more, '', ''].join('\r\n');
export const closing = 'Connection: close';
export const statusOf = (text: string): string => /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 'none';
export const codeOf = (text: string): string => /"code":"([a-z-]+)"/.exec(text)?.[1] ?? 'none';
