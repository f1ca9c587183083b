/**
 * Goal: over HTTP the daily capacity can be seen and agreed on, what is wrong is refused with its code and without effect, and what was agreed
 * is there after a restart.
 * Method: a server on loopback with files in memory and meters of this process; a control that consents to everything.
 */
import { memoryFiles } from '@smets1/journal';
import type { MemoryFiles } from '@smets1/journal';
import { demoKey, publicKeyPem } from '@smets1/host';
import { countersign } from '@smets1/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import {
  authorisationFor,
  benchImage,
  deviceId,
  fastTime,
  hex,
  requestId,
  run,
  TOKEN,
  trust,
  turnedClock,
  until,
} from '../bench.test-support.js';
import type { TurnedClock } from '../bench.test-support.js';
import { dcoClient } from '../client/client.js';
import type { DcoClient } from '../client/client.js';
import { DcoError } from '../error.js';
import type { StageEvent } from '../events.js';
import { fakeLinks, fakeMeter } from '../fake-meter.test-support.js';
import { inventoryOf } from '../inventory.js';
import type { DcoSettings } from '../store/settings.js';
import { startDco } from './start-dco.js';
import type { Dco } from './start-dco.js';

const USER = '90-B3-D5-1F-30-01-00-00';
const OTHER = '90-B3-D5-1F-30-02-00-00';
const image = benchImage();
const hash = hex(image.imageHash);

interface Bench {
  readonly dco: Dco;
  readonly client: DcoClient;
  readonly clock: TurnedClock;
  readonly world: MemoryFiles;
}

const closings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

async function start(
  settings: Partial<DcoSettings> = {},
  { world, clock }: Pick<Bench, 'world' | 'clock'> = { world: memoryFiles({ seed: 1 }), clock: turnedClock() },
): Promise<Bench> {
  const meters = [1, 2, 3].map((n) => fakeMeter(n));
  const links = fakeLinks(meters);
  const publicPem = publicKeyPem(demoKey('device').publicKey);
  const devices = meters.map((meter) => ({ deviceId: meter.deviceId, address: 'memory:', publicKeyPem: publicPem }));
  const dco = await startDco({
    directory: 'dco',
    files: world.files,
    processes: world.processes,
    trust,
    links,
    linkTime: fastTime(),
    clock,
    inventory: inventoryOf({ devices }, 'the test', '.'),
    control: {
      countersign: ({ authorisation }) => Promise.resolve({ ok: true, authorisation: run(countersign(authorisation)) }),
      revoke: () => Promise.resolve({ ok: true }),
      close: () => Promise.resolve(),
    },
    listen: { port: 0 },
    token: TOKEN,
    segmentBytes: 16 * 1024,
    settings: { largeImageBytes: 1000, ...settings },
  });
  closings.push(
    () => dco.close(),
    () => links.close(),
  );
  return { dco, client: dcoClient({ url: dco.url, token: TOKEN }), clock, world };
}

async function submit({ client }: Bench): Promise<void> {
  const devices = [1, 2, 3].map((n) => deviceId(n));
  for (const [i, part] of image.parts.entries()) await client.submitPart({ requestId: requestId(i), devices, part });
}

const activate = ({ client }: Bench, n: number): Promise<unknown> =>
  client.activate({
    requestId: requestId(1000 + n),
    deviceId: deviceId(n),
    firmwareHash: hash,
    authorisation: authorisationFor(image, deviceId(n), n),
  });
const isAnswered = ({ dco }: Bench, n: number): boolean => dco.state.entriesOf.has(requestId(1000 + n));

const form = { reference: 'BULK 7', userId: USER.toLowerCase(), from: '2030-01-01', to: '2030-01-03', perDay: 6_000 };
const notice = { reference: 'NOTICE 1', from: '2030-01-02', perDay: 8_000, otherTraffic: 500 };
const danger = { reference: 'INC 1', firmwareHash: hash.toLowerCase(), priority: 1, halts: true };

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DcoError && error.refusal !== undefined)
      return `${error.refusal.status} ${error.refusal.code}`;
    throw error;
  }
  return 'ok';
}

describe('the daily capacity', () => {
  it('is 12,000, and 500 for each User, until something else is agreed', async () => {
    const { client } = await start();
    expect(await client.capacity()).toEqual({
      day: '2030-01-01',
      today: '2030-01-01',
      perDay: 12_000,
      otherTraffic: 0,
      max: 12_000,
      used: 0,
      left: 12_000,
      limitWithoutSchedule: 500,
      waiting: 0,
      halted: false,
      users: [],
      incidents: [],
      schedules: [],
      changes: [],
    });
  });

  it('is told day by day as it was agreed, and is so after a restart', async () => {
    const bench = await start();
    const { client } = bench;
    expect(await client.agreeSchedule(form)).toEqual({ reference: 'BULK 7', repeated: false });
    expect(await client.agreeSchedule(form)).toEqual({ reference: 'BULK 7', repeated: true });
    expect(await client.changeCapacity(notice)).toEqual({ reference: 'NOTICE 1', repeated: false, overbooked: [] });
    expect(await client.openIncident(danger)).toEqual({ reference: 'INC 1', repeated: false });
    const second = await client.capacity('2030-01-02');
    expect(second).toMatchObject({
      day: '2030-01-02',
      today: '2030-01-01',
      perDay: 8_000,
      otherTraffic: 500,
      max: 7_500,
    });
    expect(second).toMatchObject({ left: 7_500, halted: true });
    expect(second.users).toEqual([
      { userId: USER, used: 0, limit: 6_000, left: 6_000, waiting: 0, schedule: 'BULK 7' },
    ]);
    const at = '2030-01-01T00:00:00.000Z';
    expect(second.schedules).toEqual([{ ...form, userId: USER, at }]);
    expect(second.changes).toEqual([{ ...notice, at }]);
    expect(second.incidents).toEqual([{ ...danger, firmwareHash: hash, at }]);
    expect(await client.closeIncident('INC 1')).toEqual({ reference: 'INC 1', repeated: false });
    expect(await client.closeIncident('INC 1')).toEqual({ reference: 'INC 1', repeated: true });
    await bench.dco.close();
    const again = await start({}, bench);
    expect(await again.client.capacity('2030-01-02')).toEqual({ ...second, halted: false, incidents: [] });
    expect(await again.client.agreeSchedule({ ...form, perDay: 0 })).toEqual({ reference: 'BULK 7', repeated: false });
    expect(await again.client.capacity('2030-01-04')).toMatchObject({ users: [], schedules: [], max: 7_500 });
  });

  it('names the days on which what was agreed before no longer fits', async () => {
    const { client } = await start();
    await client.agreeSchedule(form);
    const low = { reference: 'NOTICE 2', from: '2030-01-02', perDay: 5_999 };
    expect(await client.changeCapacity(low)).toEqual({
      reference: 'NOTICE 2',
      repeated: false,
      overbooked: ['2030-01-02', '2030-01-03'],
    });
  });

  it('is refused what it cannot hold, each with its code, and nothing changes', async () => {
    const { client } = await start();
    await client.agreeSchedule(form);
    await client.openIncident(danger);
    await client.closeIncident('INC 1');
    const before = await client.capacity();
    const of = { ...form, reference: 'BULK 8', userId: OTHER };
    expect({
      'over the day': await codeOf(client.agreeSchedule({ ...of, perDay: 6_001 })),
      'twice for a User': await codeOf(client.agreeSchedule({ ...of, userId: USER, perDay: 1 })),
      'a reference of another': await codeOf(client.agreeSchedule({ ...of, reference: 'BULK 7' })),
      'over since': await codeOf(client.agreeSchedule({ ...of, from: '2029-12-01', to: '2029-12-31' })),
      'withdrawn twice': await codeOf(client.agreeSchedule({ ...of, perDay: 0 })),
      'over the ceiling': await codeOf(client.changeCapacity({ ...notice, perDay: 12_001 })),
      'less than other traffic': await codeOf(client.changeCapacity({ ...notice, otherTraffic: 8_001 })),
      'a past day': await codeOf(client.changeCapacity({ ...notice, from: '2029-12-31' })),
      'a closed incident': await codeOf(client.openIncident(danger)),
      'no incident': await codeOf(client.closeIncident('INC 2')),
      'a day ahead of nothing': await codeOf(client.setDayBack('2030-01-01')),
    }).toEqual({
      'over the day': '409 schedule-over-capacity',
      'twice for a User': '409 schedule-overlaps',
      'a reference of another': '409 reference-used',
      'over since': '422 day-in-past',
      'withdrawn twice': '404 not-found',
      'over the ceiling': '422 capacity-above-ceiling',
      'less than other traffic': '400 bad-request',
      'a past day': '422 day-in-past',
      'a closed incident': '409 reference-used',
      'no incident': '404 not-found',
      'a day ahead of nothing': '409 day-not-ahead',
    });
    expect(await client.capacity()).toEqual(before);
  });

  it('is refused what does not read, with the field that does not', async () => {
    const bench = await start();
    const send = async (path: string, body: unknown): Promise<string> => {
      const response = await fetch(`${bench.dco.url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      const { error } = (await response.json()) as {
        readonly error?: { readonly code: string; readonly message: string };
      };
      return `${response.status} ${error?.message.split(':')[0]}`;
    };
    const open = { ...danger, state: 'open' };
    const wrong: readonly (readonly [string, unknown, string])[] = [
      ['/capacity/schedules', { ...form, more: 1 }, 'more'],
      ['/capacity/schedules', { ...form, perDay: 1.5 }, 'perDay'],
      ['/capacity/schedules', { ...form, perDay: -1 }, 'perDay'],
      ['/capacity/schedules', { ...form, perDay: '5' }, 'perDay'],
      ['/capacity/schedules', { ...form, userId: 'nobody' }, 'userId'],
      ['/capacity/schedules', { ...form, from: '2030-02-30' }, 'from'],
      ['/capacity/schedules', { ...form, to: '2030-1-1' }, 'to'],
      ['/capacity/schedules', { ...form, to: '2029-12-31' }, 'to'],
      ['/capacity/schedules', { ...form, reference: '' }, 'reference'],
      ['/capacity/schedules', { ...form, reference: 'x'.repeat(65) }, 'reference'],
      ['/capacity/schedules', { ...form, reference: 'a\nb' }, 'reference'],
      ['/capacity/changes', { ...notice, from: 'today' }, 'from'],
      ['/capacity/changes', { ...notice, perDay: undefined }, 'perDay'],
      ['/capacity/incidents', { ...open, state: 'half' }, 'state'],
      ['/capacity/incidents', { ...open, priority: 0 }, 'priority'],
      ['/capacity/incidents', { ...open, priority: 6 }, 'priority'],
      ['/capacity/incidents', { ...open, halts: 'yes' }, 'halts'],
      ['/capacity/incidents', { ...open, firmwareHash: hash.slice(2) }, 'firmwareHash'],
      ['/capacity/incidents', { reference: 'INC 1', state: 'closed', halts: true }, 'halts'],
      ['/capacity/day', { day: 'now' }, 'day'],
    ];
    for (const [path, body, field] of wrong) expect([body, await send(path, body)]).toEqual([body, `400 ${field}`]);
    expect(await send('/capacity/schedules', '{"reference":')).toMatch(/^400 /);
    expect(await send('/capacity/nothing', form)).toMatch(/^404 /);
    const get = async (path: string, token = TOKEN): Promise<number> =>
      (await fetch(`${bench.dco.url}${path}`, { headers: { authorization: `Bearer ${token}` } })).status;
    expect([
      await get('/capacity?day=2030-13-01'),
      await get('/capacity?day='),
      await get('/capacity/schedules'),
    ]).toEqual([400, 400, 404]);
    expect(await get('/capacity', 'another-token-altogether')).toBe(401);
    expect(bench.dco.state.ledger.schedules.size + bench.dco.state.ledger.incidents.size).toBe(0);
  });
});

describe('a release that waits', () => {
  it('is seen to wait with its reason, and goes as soon as more is agreed', async () => {
    const bench = await start({ unscheduledStartsPerDay: 1, largeStartsPerDayMax: 2 });
    const { client, dco } = bench;
    const told: StageEvent[] = [];
    void (async () => {
      for await (const event of dco.events.watch()) if ('stage' in event) told.push(event);
    })();
    await submit(bench);
    for (const n of [1, 2, 3]) await activate(bench, n);
    await until(() => isAnswered(bench, 1), 'the first');
    const waiting = {
      state: 'waiting-capacity',
      waiting: { because: 'user-limit', notBefore: '2030-01-02T00:00:00.000Z' },
    };
    expect(await client.request(requestId(1002))).toMatchObject(waiting);
    expect((await client.meter(deviceId(2))).pending).toMatchObject(waiting);
    expect(await client.health()).toMatchObject({ pendingReleases: 2, waitingForCapacity: 2, busy: 0 });
    expect(told.filter(({ stage }) => stage === 'waiting-capacity').map(({ requestId: one }) => one)).toEqual([
      requestId(1002),
      requestId(1003),
    ]);
    const user = { userId: USER, used: 1, limit: 1, left: 0, waiting: 2 };
    expect(await client.capacity()).toMatchObject({ used: 1, left: 1, waiting: 2, users: [user] });
    await client.agreeSchedule({ ...form, perDay: 2 });
    await until(() => isAnswered(bench, 2), 'the second');
    const next = { state: 'waiting-capacity', waiting: { because: 'day-full', notBefore: '2030-01-02T00:00:00.000Z' } };
    expect(await client.request(requestId(1003))).toMatchObject(next);
    await client.openIncident({ ...danger, firmwareHash: '00'.repeat(32) });
    expect((await client.request(requestId(1003))).waiting).toEqual({ because: 'halted' });
    await client.closeIncident('INC 1');
    bench.clock.turnTo(Date.UTC(2030, 0, 2));
    await until(() => isAnswered(bench, 3), 'the third');
    const last = await client.request(requestId(1003));
    expect([last.state, last.waiting, last.responses.map(({ code }) => code)]).toEqual([
      'answered',
      undefined,
      ['success'],
    ]);
    expect(await client.capacity('2030-01-01')).toMatchObject({ used: 2, left: 0, today: '2030-01-02' });
  });

  it('waits no longer than it must after a clock that was far ahead, once the day is set back by hand', async () => {
    const bench = await start({ largeStartsPerDayMax: 1 });
    await submit(bench);
    await activate(bench, 1);
    await until(() => isAnswered(bench, 1), 'the first');
    await bench.dco.close();
    const ahead = await start(
      { largeStartsPerDayMax: 1 },
      { world: bench.world, clock: turnedClock(Date.UTC(2031, 0, 1)) },
    );
    await activate(ahead, 2);
    await until(() => isAnswered(ahead, 2), 'the second');
    await ahead.dco.close();
    const right = await start(
      { largeStartsPerDayMax: 1 },
      { world: bench.world, clock: turnedClock(Date.UTC(2030, 0, 2)) },
    );
    await activate(right, 3);
    expect((await right.client.request(requestId(1003))).waiting).toMatchObject({
      notBefore: '2031-01-02T00:00:00.000Z',
    });
    expect(await codeOf(right.client.setDayBack('2030-01-03'))).toBe('409 day-not-ahead');
    expect(await right.client.setDayBack('2030-01-02')).toEqual({ day: '2030-01-02' });
    await until(() => isAnswered(right, 3), 'the third');
    const days = ['2030-01-01', '2030-01-02', '2031-01-01'];
    expect(await Promise.all(days.map(async (day) => (await right.client.capacity(day)).used))).toEqual([1, 1, 1]);
  });

  it('is not agreed on by a disk that is full: 507, and nothing changes', async () => {
    const { client, world, dco } = await start();
    world.setCapacity(0);
    const answers: string[] = [];
    for (let i = 0; i < 200 && !answers.includes('507 storage-full'); i += 1)
      answers.push(await codeOf(client.changeCapacity({ ...notice, perDay: 1_000 + i })));
    expect(answers.at(-1)).toBe('507 storage-full');
    const { perDay } = await client.capacity('2030-01-02');
    expect(answers.length).toBeGreaterThan(1);
    expect(perDay).toBe(1_000 + answers.length - 2);
    world.setCapacity(Number.POSITIVE_INFINITY);
    expect(await codeOf(client.changeCapacity(notice))).toBe('ok');
    expect(dco.state.ledger.changes.size).toBe(1);
  });
});
