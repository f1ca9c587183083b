import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from 'node:http';
import { streamEvents } from './event-stream.js';
import type { ServerEvent } from './event-stream.js';
import type { Refusal } from './error.js';
import type { GuardLimits } from './limits.js';

export type GuardedResponse =
  | { readonly status: number; readonly json: unknown }
  | { readonly status: number; readonly octets: Uint8Array; readonly contentType?: string }
  | { readonly status: number; readonly events: AsyncIterable<ServerEvent> };

/** An answer in the one shape that errors have. For a handler's own refusals; `code` is the handler's. */
export function errorResponse(status: number, code: string, message: string): GuardedResponse {
  return { status, json: { error: { code, message } } };
}

const ALWAYS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' } as const;

/** Sends what the handler returned and resolves when it is handed to the socket or the client has gone. */
export async function send(
  response: ServerResponse,
  answer: GuardedResponse,
  limits: GuardLimits,
  signal: AbortSignal,
): Promise<void> {
  if ('events' in answer) {
    response.writeHead(answer.status, { ...ALWAYS, 'Content-Type': 'text/event-stream; charset=utf-8' });
    return streamEvents(response, answer.events, limits, signal);
  }
  // Turned into octets before the head goes out: what JSON cannot hold is a defect, not half an answer.
  const isJson = 'json' in answer;
  const octets = isJson ? jsonOctets(answer.json) : answer.octets;
  const type = isJson ? 'application/json; charset=utf-8' : (answer.contentType ?? 'application/octet-stream');
  response.writeHead(answer.status, { ...ALWAYS, 'Content-Type': type, 'Content-Length': octets.length });
  response.end(octets);
  return undefined;
}

/** Refuses and ends the connection: what else is under way on it is not trusted. */
export function sendRefusal(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const octets = jsonOctets({ error: { code: refusal.code, message: refusal.message } });
  response.writeHead(refusal.status, { ...refusalHeaders(refusal), 'Content-Length': octets.length });
  response.end(octets);
}

/** The same for a socket that has no response object: a broken header, an upgrade. */
export function writeRefusal(socket: Duplex, refusal: Refusal): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const octets = jsonOctets({ error: { code: refusal.code, message: refusal.message } });
  const headers = Object.entries({ ...refusalHeaders(refusal), 'Content-Length': String(octets.length) });
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? 'Refused'}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), octets]), () => socket.destroy());
}

function refusalHeaders(refusal: Refusal): Readonly<Record<string, string>> {
  const challenge: Record<string, string> = refusal.status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {};
  return { ...ALWAYS, ...challenge, 'Content-Type': 'application/json; charset=utf-8', Connection: 'close' };
}

function jsonOctets(value: unknown): Buffer {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError('the handler returned a value that JSON does not have');
  return Buffer.from(text);
}
