/** The HTTP face: which request is whose, and what its answer looks like. Who may ask was settled before. */
import { errorResponse } from '@smets1/http-guard';
import type { GuardedRequest, GuardedResponse, ServerEvent } from '@smets1/http-guard';
import { DcoError, statusOf } from '../error.js';
import type { Answer, Refusal } from '../error.js';
import { capacityView } from '../capacity-view.js';
import type { EventBus } from '../events.js';
import { canonicalDeviceId } from '../identifiers.js';
import type { Inventory } from '../inventory.js';
import { ledgerDay } from '../ledger/ledger.js';
import { RESPONSES_PER_PULL_MAX, WATCHERS_MAX } from '../limits.js';
import { acknowledge, pull } from '../responses/pull.js';
import type { Releases } from '../s1sp/releases.js';
import { takePart } from '../store/intake.js';
import type { Intake } from '../store/intake.js';
import { imageView, requestView } from '../views.js';
import type { HealthView, MeterView } from '../views.js';
import { putChange, putDay, putIncident, putSchedule } from './capacity-puts.js';
import {
  acknowledgementOfBody,
  activationOfBody,
  changeOfBody,
  dayOfBody,
  dayOfQuery,
  incidentOfBody,
  partOfBody,
  readOfBody,
  requestIdOf,
  scheduleOfBody,
  wholeOf,
} from './schemas.js';

export interface Rooms {
  readonly intake: Intake;
  readonly releases: Releases;
  readonly inventory: Inventory;
  readonly bus: EventBus;
}

/** Answers every request; storage that refuses is an answer too. */
export async function answer(rooms: Rooms, request: GuardedRequest): Promise<GuardedResponse> {
  try {
    return await route(rooms, request);
  } catch (error) {
    if (!(error instanceof DcoError)) throw error;
    switch (error.code) {
      case 'storage-full':
      case 'storage-failed':
      case 'storage-corrupt':
      case 'closed':
        return refused({ code: error.code, message: error.message });
      default:
        throw error;
    }
  }
}

function route(rooms: Rooms, request: GuardedRequest): GuardedResponse | Promise<GuardedResponse> {
  const { method, segments } = request;
  const [first, second, ...more] = segments;
  if (more.length === 0) {
    if (method === 'POST') {
      if (first === 'requests' && second === '11.1') return post(request, partOfBody, (part) => update(rooms, part));
      if (first === 'requests' && second === '11.2') {
        return post(request, readOfBody, ({ requestId, deviceId }) => rooms.releases.read(requestId, deviceId));
      }
      if (first === 'requests' && second === '11.3')
        return post(request, activationOfBody, (asked) => rooms.releases.activate(asked));
      if (first === 'responses' && second === 'acknowledge') {
        return post(request, acknowledgementOfBody, (upTo) => acknowledge(rooms.intake.store, upTo), 200);
      }
      if (first === 'capacity' && second === 'schedules')
        return post(request, scheduleOfBody, (asked) => putSchedule(rooms, asked), 200);
      if (first === 'capacity' && second === 'changes')
        return post(request, changeOfBody, (asked) => putChange(rooms, asked), 200);
      if (first === 'capacity' && second === 'incidents')
        return post(request, incidentOfBody, (asked) => putIncident(rooms, asked), 200);
      if (first === 'capacity' && second === 'day') return post(request, dayOfBody, (day) => putDay(rooms, day), 200);
    }
    if (method === 'GET') {
      if (first === 'requests' && second !== undefined) return requestOf(rooms, second);
      if (first === 'meters' && second !== undefined) return meterOf(rooms, second);
      if (second === undefined && first === 'responses') return responses(rooms, request);
      if (second === undefined && first === 'capacity') return capacity(rooms, request);
      if (second === undefined && first === 'images') return images(rooms);
      if (second === undefined && first === 'events') return events(rooms);
      if (second === undefined && first === 'health') return { status: 200, json: health(rooms) };
    }
  }
  return refused({
    code: 'not-found',
    message: `there is no ${method} ${request.path}; the README lists what there is`,
  });
}

async function post<T, U>(
  request: GuardedRequest,
  read: (json: unknown) => Answer<T>,
  act: (value: T) => Promise<Answer<U>>,
  status: number = 202,
): Promise<GuardedResponse> {
  if (request.body.kind !== 'json')
    return refused({ code: 'bad-request', message: 'send a JSON body with Content-Type: application/json' });
  const body = read(request.body.value);
  if (!body.ok) return refused(body.refusal);
  const done = await act(body.value);
  return done.ok ? { status, json: done.value } : refused(done.refusal);
}

async function update(rooms: Rooms, part: Parameters<typeof takePart>[1]): ReturnType<typeof takePart> {
  const taken = await takePart(rooms.intake, part);
  if (taken.ok && !taken.value.repeated) {
    const { imageId, heldBlocks, blockCount, answered, requestId } = taken.value;
    const atMs = rooms.intake.nowMs();
    rooms.bus.tell({ atMs, stage: 'part-held', requestId, imageId, durableBlocks: heldBlocks, blockCount });
    if (answered) {
      const isHeld = rooms.intake.store.state.images.get(imageId)?.record.status === 'held';
      rooms.bus.tell({ atMs, stage: isHeld ? 'image-held' : 'image-failed', requestId, imageId });
    }
  }
  return taken;
}

function requestOf(rooms: Rooms, text: string): GuardedResponse {
  const requestId = requestIdOf(text);
  if (!requestId.ok) return refused(requestId.refusal);
  const { state } = rooms.intake.store;
  const request = state.requests.get(requestId.value);
  if (request === undefined)
    return refused({
      code: 'not-found',
      message: `no request ${requestId.value} is known; it was never taken, or is long answered`,
    });
  return { status: 200, json: requestView(state, request, rooms.releases.capacity.waitOf(requestId.value)) };
}

function meterOf(rooms: Rooms, text: string): GuardedResponse {
  const deviceId = canonicalDeviceId(text);
  const device = deviceId === undefined ? undefined : rooms.inventory.devices.get(deviceId);
  if (deviceId === undefined || device === undefined)
    return refused({ code: 'not-found', message: `no device ${text.slice(0, 40)} in the inventory` });
  const { state } = rooms.intake.store;
  const known = state.meters.get(deviceId);
  const pending = state.pending.get(state.pendingOf.get(deviceId) ?? '');
  const view: MeterView = {
    deviceId,
    address: device.address,
    hasKey: device.publicKey !== undefined,
    ...(known === undefined ? {} : { known }),
    ...(pending === undefined
      ? {}
      : { pending: requestView(state, pending, rooms.releases.capacity.waitOf(pending.requestId)) }),
  };
  return { status: 200, json: view };
}

function responses(rooms: Rooms, { query }: GuardedRequest): GuardedResponse {
  const after = wholeOf(query, 'after', 0);
  const limit = wholeOf(query, 'limit', RESPONSES_PER_PULL_MAX);
  if (!after.ok) return refused(after.refusal);
  if (!limit.ok) return refused(limit.refusal);
  return { status: 200, json: pull(rooms.intake.store.state, after.value, limit.value) };
}

function capacity(rooms: Rooms, { query }: GuardedRequest): GuardedResponse {
  const { store, settings, nowMs } = rooms.intake;
  const { ledger } = store.state;
  const today = ledgerDay(ledger, nowMs());
  const day = dayOfQuery(query, today);
  if (!day.ok) return refused(day.refusal);
  return { status: 200, json: capacityView(ledger, settings, rooms.releases.capacity.askedByUser(), today, day.value) };
}

function images(rooms: Rooms): GuardedResponse {
  const { state } = rooms.intake.store;
  return { status: 200, json: { images: [...state.images.values()].map((image) => imageView(state, image)) } };
}

function events(rooms: Rooms): GuardedResponse {
  if (rooms.bus.watcherCount >= WATCHERS_MAX) {
    return refused({ code: 'too-many-watchers', message: `${WATCHERS_MAX} watch already; close one` });
  }
  const watcher = rooms.bus.watch();
  return {
    status: 200,
    events: {
      [Symbol.asyncIterator]: () => ({
        async next(): Promise<IteratorResult<ServerEvent, undefined>> {
          const told = await watcher.next();
          if (told.done === true) return { done: true, value: undefined };
          return { done: false, value: { event: 'lost' in told.value ? 'lost' : 'stage', data: told.value } };
        },
        return(): Promise<IteratorResult<ServerEvent, undefined>> {
          watcher.close();
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    },
  };
}

function health(rooms: Rooms): HealthView {
  const { store, settings } = rooms.intake;
  const { state } = store;
  return {
    state: store.failure === undefined ? 'ok' : 'storage-failed',
    heldBytes: state.heldBytes,
    heldBytesMax: settings.heldBytesMax,
    images: state.images.size,
    requests: state.requests.size,
    pendingReleases: state.pending.size,
    waitingForCapacity: rooms.releases.capacity.waitingCount,
    busy: rooms.releases.busyCount,
    unacknowledged: state.nextEntry - 1 - state.acknowledgedUpTo,
  };
}

function refused({ code, message, fault, block }: Refusal): GuardedResponse {
  const plain = errorResponse(statusOf(code), code, message);
  if (fault === undefined && block === undefined) return plain;
  return { status: statusOf(code), json: { error: { code, message, fault, block } } };
}
