import type { IncomingMessage } from 'node:http';
import { refuse } from './error.js';
import type { Refusal } from './error.js';
import { parseJson } from './json.js';
import type { JsonValue } from './json.js';
import { CHECKS_PER_DEADLINE } from './limits.js';
import type { GuardLimits } from './limits.js';

export type RequestBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'json'; readonly value: JsonValue }
  | { readonly kind: 'octets'; readonly octets: Uint8Array };

/** What can be refused before the first octet of the body. */
export function checkBodyHeaders(request: IncomingMessage, limits: GuardLimits): Refusal | undefined {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return refuse('unsupported-encoding', 'bodies are taken as they are; send it without Content-Encoding');
  }
  const declared = request.headers['content-length'];
  if (declared !== undefined && Number(declared) > limits.bodyBytesMax) return tooLarge(limits);
  return undefined;
}

/** Reads the whole body within its bounds of size and time; undefined when the client has gone. */
export async function readBody(
  request: IncomingMessage,
  limits: GuardLimits,
): Promise<{ readonly ok: true; readonly body: RequestBody } | Refusal | undefined> {
  const octets = await collect(request, limits);
  if (octets === undefined || 'ok' in octets) return octets;
  if (octets.length === 0) return { ok: true, body: { kind: 'none' } };
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') return { ok: true, body: { kind: 'octets', octets } };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return refuse('bad-json', 'the body is not UTF-8');
  }
  const parsed = parseJson(text, limits);
  if (!parsed.ok) return refuse('bad-json', `the body is no JSON we take: ${parsed.reason}, at character ${parsed.at}`);
  return { ok: true, body: { kind: 'json', value: parsed.value } };
}

function collect(request: IncomingMessage, limits: GuardLimits): Promise<Uint8Array | Refusal | undefined> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    const startedMs = performance.now();
    const timer = setInterval(() => {
      const owedMs = performance.now() - startedMs - limits.incompleteMsMax;
      if (owedMs > 0 && bytes < (owedMs / 1000) * limits.bodyBytesPerSecondMin) {
        settle(refuse('too-slow', `the body came slower than ${limits.bodyBytesPerSecondMin} octets a second`));
      }
      // With nothing received, any overrun is too long, however small.
      else if (owedMs > 0 && bytes === 0) settle(refuse('too-slow', 'the body did not come'));
    }, limits.incompleteMsMax / CHECKS_PER_DEADLINE);
    const settle = (outcome: Uint8Array | Refusal | undefined): void => {
      clearInterval(timer);
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      // An aborted request may still report an error; with nobody listening that would end the process.
      request.on('error', () => {});
      resolve(outcome);
    };
    const onData = (piece: Buffer): void => {
      bytes += piece.length;
      if (bytes > limits.bodyBytesMax) settle(tooLarge(limits));
      else pieces.push(piece);
    };
    const onEnd = (): void => settle(new Uint8Array(Buffer.concat(pieces)));
    const onClose = (): void => settle(undefined);
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}

function tooLarge(limits: GuardLimits): Refusal {
  return refuse('body-too-large', `a body may have at most ${limits.bodyBytesMax} octets`);
}
