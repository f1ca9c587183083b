/** A DCO as its users see it, over HTTP. */
import type { CapacityView } from '../capacity-view.js';
import { DcoError } from '../error.js';
import type { StageEvent } from '../events.js';
import { CLIENT_ANSWER_MS_MAX } from '../limits.js';
import type { Pulled } from '../responses/pull.js';
import type { Agreed, CapacityChanged } from '../server/capacity-puts.js';
import type { Admitted } from '../s1sp/admission.js';
import type { PartAccepted } from '../store/intake.js';
import type { HealthView, ImageView, MeterView, RequestView } from '../views.js';

export interface DcoClient {
  /** SRV 11.1 with one part. */
  submitPart(request: {
    readonly requestId: string;
    readonly devices: readonly string[];
    readonly part: Uint8Array;
  }): Promise<PartAccepted>;
  /** SRV 11.2. */
  readVersion(request: { readonly requestId: string; readonly deviceId: string }): Promise<Admitted>;
  /** SRV 11.3: now, at `executionDateTime`, or called off with {@link CANCELLATION_DATE}. `firmwareHash` in hex. */
  activate(request: {
    readonly requestId: string;
    readonly deviceId: string;
    readonly firmwareHash: string;
    readonly executionDateTime?: string;
    readonly authorisation: Uint8Array;
  }): Promise<Admitted>;
  request(requestId: string): Promise<RequestView>;
  responses(after?: number): Promise<Pulled>;
  acknowledge(upTo: number): Promise<{ readonly acknowledgedUpTo: number }>;
  images(): Promise<readonly ImageView[]>;
  meter(deviceId: string): Promise<MeterView>;
  health(): Promise<HealthView>;
  /** The daily capacity for large images, and who has what of it; `2030-01-31`, today unless given. */
  capacity(day?: string): Promise<CapacityView>;
  /** Agrees a User's delivery schedule, alters the one with the same reference, or withdraws it with `perDay` 0. Days are inclusive. */
  agreeSchedule(schedule: {
    readonly reference: string;
    readonly userId: string;
    readonly from: string;
    readonly to: string;
    readonly perDay: number;
  }): Promise<Agreed>;
  /** Changes the capacity from a day on. */
  changeCapacity(change: {
    readonly reference: string;
    readonly from: string;
    readonly perDay: number;
    /** How many of them other traffic takes; 0 unless given. */
    readonly otherTraffic?: number;
  }): Promise<CapacityChanged>;
  /** Opens an incident about an image, or alters the open one with the same reference. `firmwareHash` in hex, priority 1 goes first. */
  openIncident(incident: {
    readonly reference: string;
    readonly firmwareHash: string;
    readonly priority: number;
    readonly halts: boolean;
  }): Promise<Agreed>;
  closeIncident(reference: string): Promise<Agreed>;
  /** Sets the ledger's day back to the clock's, after a clock that was far ahead. */
  setDayBack(day: string): Promise<{ readonly day: string }>;
  /** Stage events from now on, until `signal` is aborted or the server ends. `{ lost }`: that many were not waited for. */
  events(signal?: AbortSignal): AsyncGenerator<StageEvent | { readonly lost: number }, void, undefined>;
}

export const CANCELLATION_DATE = '3000-12-31T00:00:00.00Z';

/**
 * Every method rejects with {@link DcoError}: `server-refused` (with what the server said in `refusal`), `no-answer` (nobody there, or too
 * late), `bad-answer`.
 */
export function dcoClient({ url, token }: { readonly url: string; readonly token: string }): DcoClient {
  const headers = { authorization: `Bearer ${token}` };
  const call = async <T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> => {
    const response = await reach(url, path, {
      method,
      headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(CLIENT_ANSWER_MS_MAX),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await jsonOf(response, url)) as T;
  };
  const base64 = (octets: Uint8Array): string => Buffer.from(octets).toString('base64');
  return {
    submitPart: ({ part, ...rest }) => call('POST', '/requests/11.1', { ...rest, part: base64(part) }),
    readVersion: (request) => call('POST', '/requests/11.2', request),
    activate: ({ authorisation, ...rest }) =>
      call('POST', '/requests/11.3', { ...rest, authorisation: base64(authorisation) }),
    request: (requestId) => call('GET', `/requests/${encodeURIComponent(requestId)}`),
    responses: (after = 0) => call('GET', `/responses?after=${after}`),
    acknowledge: (upTo) => call('POST', '/responses/acknowledge', { upTo }),
    images: async () => (await call<{ readonly images: readonly ImageView[] }>('GET', '/images')).images,
    meter: (deviceId) => call('GET', `/meters/${encodeURIComponent(deviceId)}`),
    health: () => call('GET', '/health'),
    capacity: (day) => call('GET', day === undefined ? '/capacity' : `/capacity?day=${encodeURIComponent(day)}`),
    agreeSchedule: (schedule) => call('POST', '/capacity/schedules', schedule),
    changeCapacity: (change) => call('POST', '/capacity/changes', change),
    openIncident: (incident) => call('POST', '/capacity/incidents', { ...incident, state: 'open' }),
    closeIncident: (reference) => call('POST', '/capacity/incidents', { reference, state: 'closed' }),
    setDayBack: (day) => call('POST', '/capacity/day', { day }),
    async *events(signal) {
      const response = await reach(url, '/events', { headers, ...(signal === undefined ? {} : { signal }) });
      if (!response.ok) await jsonOf(response, url);
      if (response.body === null) return;
      let text = '';
      const decoder = new TextDecoder();
      try {
        for await (const piece of response.body) {
          text += decoder.decode(piece as Uint8Array, { stream: true });
          const blocks = text.split('\n\n');
          text = blocks.pop() ?? '';
          for (const block of blocks) {
            const data = block.split('\n').find((line) => line.startsWith('data: '));
            if (data !== undefined)
              yield JSON.parse(data.slice('data: '.length)) as StageEvent | { readonly lost: number };
          }
        }
      } catch (error) {
        if (signal?.aborted !== true)
          throw new DcoError('no-answer', `the DCO at ${url} ended the stream of events`, { cause: error });
      }
    },
  };
}

async function reach(url: string, path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url + path, init);
  } catch (cause) {
    throw new DcoError('no-answer', `no DCO answers at ${url}; check the address, and that it runs`, { cause });
  }
}

async function jsonOf(response: Response, url: string): Promise<unknown> {
  let json: unknown;
  try {
    json = await response.json();
  } catch (cause) {
    throw new DcoError('bad-answer', `what answers at ${url} is no DCO (status ${response.status})`, { cause });
  }
  if (response.ok) return json;
  const { error } = (json ?? {}) as {
    readonly error?: { readonly code?: string; readonly message?: string; readonly fault?: string };
  };
  if (error?.code === undefined)
    throw new DcoError('bad-answer', `what answers at ${url} is no DCO (status ${response.status})`);
  const refusal = {
    status: response.status,
    code: error.code,
    ...(error.fault === undefined ? {} : { fault: error.fault }),
  };
  throw new DcoError('server-refused', error.message ?? error.code, { refusal });
}
