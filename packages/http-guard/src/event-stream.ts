import type { ServerResponse } from 'node:http';
import type { GuardLimits } from './limits.js';

/** One server-sent event; `data` is sent as JSON. */
export interface ServerEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data: unknown;
}

/**
 * Sends events until there are no more, the client goes, or it reads too slowly: octets beyond the send budget are waited for,
 * and a client that does not take them within `sendStallMsMax` is cut off. The source is told by its iterator's `return`.
 */
export async function streamEvents(
  response: ServerResponse,
  events: AsyncIterable<ServerEvent>,
  limits: GuardLimits,
  signal: AbortSignal,
): Promise<void> {
  response.flushHeaders();
  // Keeps a quiet stream from looking idle, and finds out about clients that vanished without a word.
  const heartbeat = setInterval(() => response.write(':\n\n'), limits.idleMsMax / 3);
  const iterator = events[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await unlessAborted(iterator.next(), signal);
      if (next === undefined || next.done === true) break;
      response.write(encodeEvent(next.value));
      if (response.writableLength <= limits.sendBudgetBytes) continue;
      if (!(await drained(response, limits.sendStallMsMax, signal))) {
        response.destroy();
        return;
      }
    }
    response.end();
  } finally {
    clearInterval(heartbeat);
    // Not awaited: a generator that waits for its next event would answer only then.
    iterator.return?.().then(undefined, () => {});
  }
}

function encodeEvent({ id, event, data }: ServerEvent): string {
  const text = JSON.stringify(data) as string | undefined;
  if (text === undefined) throw new TypeError('an event with data that JSON does not have');
  const lines: string[] = [];
  for (const [field, value] of [
    ['id', id],
    ['event', event],
  ] as const) {
    if (value === undefined) continue;
    if (/[\r\n\0]/.test(value)) throw new TypeError(`an event whose ${field} has a line break`);
    lines.push(`${field}: ${value}`);
  }
  return `${[...lines, `data: ${text}`].join('\n')}\n\n`;
}

function drained(response: ServerResponse, waitMsMax: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (outcome: boolean): void => {
      clearTimeout(timer);
      response.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      resolve(outcome);
    };
    const onDrain = (): void => settle(true);
    const onAbort = (): void => settle(false);
    const timer = setTimeout(() => settle(false), waitMsMax);
    response.on('drain', onDrain);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) settle(false);
  });
}

/**
 * The promise's value, or undefined as soon as the signal is aborted. Not Promise.race with one long-lived promise: that would
 * keep a reaction, and with it a value, for every event of the stream.
 */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve(undefined);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) resolve(undefined);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
