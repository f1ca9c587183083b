/** Goals: an input is taken whole or not at all (G14.json), and a slip of the pen is said where it is, before anything starts (T65). */
import { parseJson } from '@smets1/http-guard';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cohort,
  entry,
  inputJson,
  type Json,
  PRODUCTS,
  request,
  SUPPLIER_A,
  SUPPLIER_B,
} from '../small-world.test-support.js';
import { campaignCommandOf, campaignInputOf, campaignInputOfText } from './campaign-input-of.js';
import { eui64Of, textOfEui64 } from './device-id.js';

const security = { priority: 'security', safetyTestMeters: 2 };
const hub = {
  deviceType: 'comms-hub',
  phases: [{ name: 'h', meters: 1 }],
  notice: { severity: 'low', releaseNotes: 'n' },
};
const ofRequest = (other: Json): Json => ({ requests: [request('r', ['c'], other)] });
const ofCohort = (other: Json): Json => ({ cohorts: [cohort('c', 30, other)] });
const event = (command: Json, at = '2027-01-05T00:00:00Z'): Json => ({ events: [{ at, command }] });

const MISTAKES: readonly (readonly [what: string, other: Json, code: string, path: string])[] = [
  ['another format', { format: 2 }, 'malformed', 'format'],
  ['a key that nobody knows', { capacity: 1 }, 'malformed', 'capacity'],
  ['a slip in a key of the policy', { policy: { capacityPerDays: 1 } }, 'malformed', 'policy.capacityPerDays'],
  ['a day that the calendar has not', { startDay: '2027-02-30' }, 'malformed', 'startDay'],
  ['an id with a space', { campaignId: 'a b' }, 'malformed', 'campaignId'],
  [
    'a User id in lower case',
    { users: [{ userId: SUPPLIER_A.toLowerCase(), name: 'A', role: 'supplier' }] },
    'malformed',
    'users.0.userId',
  ],
  [
    'a User twice',
    { users: [0, 1].map(() => ({ userId: SUPPLIER_A, name: 'A', role: 'supplier' })) },
    'duplicate-id',
    'users.1.userId',
  ],
  ['a capacity below zero', { policy: { capacityPerDay: -1 } }, 'malformed', 'policy.capacityPerDay'],
  ['a capacity that is no whole number', { policy: { capacityPerDay: 0.5 } }, 'malformed', 'policy.capacityPerDay'],
  ['moments that do not make a day', { policy: { releaseEveryMinutes: 7 } }, 'malformed', 'policy.releaseEveryMinutes'],
  [
    'a stop rate below the accepted one',
    { policy: { stopRule: { acceptRate: 0.1, stopRate: 0.1 } } },
    'contradiction',
    'policy.stopRule.acceptRate',
  ],
  [
    'a stop rule that errs half of the time',
    { policy: { stopRule: { falseGo: 0.5 } } },
    'contradiction',
    'policy.stopRule',
  ],
  [
    'a meter in two cohorts',
    { cohorts: [cohort('c', 30), { ...cohort('c', 5), cohortId: 'd' }] },
    'duplicate-meter',
    'cohorts.1.meters',
  ],
  [
    'a device id twice in a list',
    ofCohort({ meters: { deviceIds: Array.from({ length: 2 }, () => '00-DB-12-34-56-78-90-A0') } }),
    'duplicate-meter',
    'cohorts.0.meters.deviceIds.1',
  ],
  [
    'ids counted past the last one',
    ofCohort({ meters: { count: 2, firstDeviceId: 'FF-FF-FF-FF-FF-FF-FF-FF' } }),
    'order',
    'cohorts.0.meters.count',
  ],
  [
    'no meters',
    ofCohort({ meters: { count: 0, firstDeviceId: '00-DB-12-34-56-78-90-A0' } }),
    'malformed',
    'cohorts.0.meters',
  ],
  [
    'more meters than a campaign has',
    { cohorts: ['c', 'd'].map((id) => cohort(id, 1_500_000)) },
    'too-many-meters',
    'cohorts',
  ],
  [
    'a cohort of a User who is not there',
    ofCohort({ userId: '90-B3-D5-1F-30-01-00-FF' }),
    'unknown-id',
    'cohorts.0.userId',
  ],
  ['a cohort of an entry that is not listed', ofCohort({ entryId: 'V9' }), 'unknown-id', 'cohorts.0.entryId'],
  ['a dormant cohort without a combination', ofCohort({ dormant: true }), 'contradiction', 'cohorts.0'],
  [
    'a combination for meters that are not dormant',
    ofCohort({ epclEntryId: 'E' }),
    'contradiction',
    'cohorts.0.epclEntryId',
  ],
  [
    'a request for a version that is not listed',
    ofRequest({ targetEntryId: 'V2x' }),
    'unknown-id',
    'requests.0.targetEntryId',
  ],
  [
    'a request for a cohort that is not there',
    ofRequest({ cohortIds: ['c', 'd'] }),
    'unknown-id',
    'requests.0.cohortIds.1',
  ],
  [
    'two requests for one cohort',
    { requests: [request('r', ['c']), request('s', ['c'])] },
    'contradiction',
    'requests.1.cohortIds.0',
  ],
  ['security firmware without a safety test', ofRequest({ priority: 'security' }), 'contradiction', 'requests.0'],
  ['a safety test of ordinary firmware', ofRequest({ safetyTestMeters: 2 }), 'contradiction', 'requests.0'],
  ['communications hubs without a notice', ofRequest({ ...hub, notice: undefined }), 'contradiction', 'requests.0'],
  ['communications hubs all at once', ofRequest({ ...hub, phases: [] }), 'contradiction', 'requests.0.phases'],
  [
    'phases that do not grow',
    ofRequest({
      phases: [
        { name: 'a', meters: 5 },
        { name: 'b', meters: 5 },
      ],
    }),
    'order',
    'requests.0.phases.1.meters',
  ],
  [
    'a schedule without its form',
    ofRequest({ schedule: { periods: [{ fromDay: '2027-01-04', imagesPerDay: 1 }] } }),
    'malformed',
    'requests.0.schedule.approvalForm',
  ],
  [
    'periods that overlap',
    ofRequest({
      schedule: {
        approvalForm: 'F',
        periods: [
          { fromDay: '2027-01-04', toDay: '2027-01-06', imagesPerDay: 1 },
          { fromDay: '2027-01-06', imagesPerDay: 2 },
        ],
      },
    }),
    'order',
    'requests.0.schedule.periods.1.fromDay',
  ],
  [
    'a period that ends before it begins',
    ofRequest({
      schedule: { approvalForm: 'F', periods: [{ fromDay: '2027-01-04', toDay: '2027-01-03', imagesPerDay: 1 }] },
    }),
    'order',
    'requests.0.schedule.periods.0.toDay',
  ],
  [
    'other traffic that ends before it begins',
    { otherTraffic: [{ fromDay: '2027-01-04', toDay: '2027-01-03', imagesPerDay: 1 }] },
    'order',
    'otherTraffic.0.toDay',
  ],
  [
    'a window on the eighth day',
    { windows: [{ zone: 'UTC', weekdays: [8], from: '00:00', to: '01:00' }] },
    'malformed',
    'windows.0.weekdays.0',
  ],
  [
    'a window at 24:00',
    { windows: [{ zone: 'UTC', weekdays: [1], from: '24:00', to: '01:00' }] },
    'malformed',
    'windows.0.from',
  ],
  [
    'events out of order',
    {
      events: [
        ...(event({ kind: 'resume' })['events'] as Json[]),
        ...(event({ kind: 'resume' }, '2027-01-04T00:00:00Z')['events'] as Json[]),
      ],
    },
    'order',
    'events.1.at',
  ],
  [
    'a pause of a request that is not there',
    event({ kind: 'pause', requestId: 'q', reason: 'x' }),
    'unknown-id',
    'events.0.command.requestId',
  ],
  [
    'an incident for ordinary firmware',
    event({ kind: 'open-incident', incidentId: 'I', requestId: 'r', priority: 1, haltsOthers: true }),
    'contradiction',
    'events.0.command.requestId',
  ],
  [
    'a retarget to nowhere',
    event({ kind: 'retarget', requestId: 'r', targetEntryId: 'V9' }),
    'unknown-id',
    'events.0.command.targetEntryId',
  ],
  [
    'churn of meters that the cohort has not',
    event({ kind: 'churn', cohortId: 'c', meters: [[28, 30]], toUserId: SUPPLIER_B }),
    'order',
    'events.0.command.meters',
  ],
  [
    'churn to the DCC',
    event({ kind: 'churn', cohortId: 'c', meters: [1], toUserId: '90-B3-D5-1F-30-00-00-02' }),
    'contradiction',
    'events.0.command.toUserId',
  ],
  [
    'an abort that leaves open what becomes of meters half-way',
    event({ kind: 'abort', reason: 'x' }),
    'malformed',
    'events.0.command.halfDone',
  ],
  [
    'a model of a cohort that is not there',
    { model: { cohorts: [{ cohortId: 'd', behaviour: {} }] } },
    'unknown-id',
    'model.cohorts.0.cohortId',
  ],
  [
    'a model that is faster than its least',
    { model: { otherwise: { minutesMin: 300 } } },
    'order',
    'model.otherwise.minutesMax',
  ],
];

describe('T65 a mistake in an input', () => {
  it.each(MISTAKES)('%s is refused, with the place', (_, other, code, path) => {
    const read = campaignInputOf(inputJson(other), PRODUCTS);
    expect(read).toMatchObject({ ok: false, fault: { code, path } });
    expect(!read.ok && read.fault.message.startsWith(`${path}: `)).toBe(true);
  });

  it('was tried in more than thirty ways', () => {
    expect(MISTAKES.length).toBeGreaterThan(30);
  });

  it.each([
    ['a byte order mark', '\ufeff{}', 'byte-order-mark', ''],
    ['a key that comes twice', '{\n "format": 1,\n "format": 1}', 'not-json', 'line 3, column 2'],
    ['__proto__', '{"__proto__": {}}', 'not-json', 'line 1, column 2'],
    ['a comma too many', '{"format": 1,}', 'not-json', 'line 1, column 14'],
    ['nesting without end', '['.repeat(100_000), 'not-json', 'line 1, column 17'],
    ['a number too large', '{"format": 1e999}', 'not-json', 'line 1, column 17'],
    ['nothing', '', 'not-json', 'line 1, column 1'],
  ])('%s is refused in the text', (_, text, code, path) => {
    expect(campaignInputOfText(text, parseJson, PRODUCTS)).toMatchObject({ ok: false, fault: { code, path } });
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('in the product lists is told with the path inside of them', () => {
    const products = {
      ...PRODUCTS,
      productListsOf: () => ({ ok: false, fault: { path: 'cpl.0.entryId', message: 'is there twice' } }) as const,
    };
    expect(campaignInputOf(inputJson(), products)).toMatchObject({
      ok: false,
      fault: { code: 'bad-lists', path: 'lists.cpl.0.entryId' },
    });
  });

  it('never throws, whatever the JSON is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(inputJson())), (value, key) => {
        expect(typeof campaignInputOf(value, PRODUCTS).ok).toBe('boolean');
        expect(typeof campaignInputOf(inputJson({ [key]: value }), PRODUCTS).ok).toBe('boolean');
        expect(typeof campaignCommandOf(value).ok).toBe('boolean');
      }),
      { numRuns: 300 },
    );
  });
});

describe('An input', () => {
  it('comes out with every default in it, and the same from text', () => {
    const read = campaignInputOfText(JSON.stringify(inputJson()), parseJson, PRODUCTS);
    if (!read.ok) throw new Error(read.fault.message);
    expect(read.value.policy).toMatchObject({
      capacityPerDay: 10,
      unscheduledPerDay: 500,
      responseDays: 5,
      giveUpDays: 7,
    });
    expect(read.value.policy.stopRule).toEqual({ acceptRate: 0.001, stopRate: 0.02, falseStop: 0.0001, falseGo: 0.01 });
    expect(read.value.requests[0]).toMatchObject({
      deviceType: 'esme',
      priority: 'normal',
      phases: [],
      skipCohortsWithoutPath: false,
    });
    expect(campaignInputOf(inputJson(), PRODUCTS)).toEqual(read);
  });

  it.each([
    ['security firmware', ofRequest(security)],
    ['communications hubs', ofRequest(hub)],
    ['a list of device ids', ofCohort({ meters: { deviceIds: ['00-DB-12-34-56-78-90-A0'] } })],
    ['dormant meters', ofCohort({ dormant: true, epclEntryId: 'E' })],
    ['versions of its own', { lists: { cpl: [entry('V1', 'N/A'), entry('V2', ['V1'])], epcl: [] } }],
  ])('may be of %s', (_, other) => {
    expect(campaignInputOf(inputJson(other), PRODUCTS)).toMatchObject({ ok: true });
  });
});

describe('A device id', () => {
  it('is a 64-bit number and its text', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (value) => {
        expect(eui64Of(textOfEui64(value))).toBe(value);
        expect(textOfEui64(value)).toMatch(/^([0-9A-F]{2}-){7}[0-9A-F]{2}$/);
      }),
    );
  });
});

describe('A command', () => {
  it('is taken as a person gives it, or refused with the place', () => {
    expect(campaignCommandOf({ kind: 'pause', reason: 'lunch' })).toEqual({
      ok: true,
      value: { kind: 'pause', reason: 'lunch' },
    });
    expect(campaignCommandOf({ kind: 'pause' })).toMatchObject({
      ok: false,
      fault: { code: 'malformed', path: 'reason' },
    });
    expect(campaignCommandOf({ kind: 'dance' })).toMatchObject({ ok: false, fault: { path: 'kind' } });
  });
});
