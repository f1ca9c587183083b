/**
 * The input of a small campaign in which everything happens: agreed schedules and none, two requests of one User, a group of near-simultaneous
 * requests, interim versions, dormant meters, communications hubs, security firmware that halts the rest, firmware that is stopped, a pause, an
 * abort, a retarget, churn, other traffic, changes of capacity, a cohort without a way, a refused request, and windows on London's clock.
 */
import { dayNumberOf, dayTextOf } from './checker/calendar.js';

/** Large images a day: the proportions of 12,000 and 500. */
const CAPACITY_PER_DAY = 120;
const UNSCHEDULED_PER_DAY = 25;

const userIdOf = (number: number): string => `90-B3-D5-1F-30-00-00-0${number}`;
const SUPPLIERS = [1, 2, 3, 4, 5].map(userIdOf);
const [ALDER, BIRCH, CEDAR, DOUGLAS, ELDER] = SUPPLIERS as [string, string, string, string, string];
const DCC = userIdOf(9);

let images = 0;
function entry(entryId: string, upgradableFrom: readonly string[] | 'N/A', imageOctets = 900_000): object {
  const [model] = entryId.split('-');
  images += 1;
  return {
    entryId,
    deviceModel: model,
    hardware: '1111',
    firmwareVersion: images.toString(16).padStart(8, '0'),
    manufacturerImageHash: images.toString(16).padStart(64, '0'),
    status: 'Active',
    imageOctets,
    upgradableFrom,
    takesUpdates: true,
    operable: true,
  };
}

/** @param startDay - Choose it some days before a change of the clocks, and the campaign goes through that. */
export function provingGround(startDay: string): string {
  const day = (offset: number): string => dayTextOf(dayNumberOf(startDay) + offset);
  const instant = (offset: number, time = '00:00:00'): string => `${day(offset)}T${time}Z`;
  images = 0;
  const cpl = [
    entry('OAK-1', 'N/A'),
    entry('OAK-2', ['OAK-1']),
    entry('OAK-3', ['OAK-2']),
    entry('ELM-1', 'N/A'),
    entry('ELM-2', ['ELM-1']),
    entry('ELM-3', ['ELM-1', 'ELM-2']),
    entry('ASH-1', 'N/A'),
    entry('ASH-2', ['ASH-1']),
    entry('HUB-1', 'N/A', 300_000),
    entry('HUB-2', ['HUB-1'], 300_000),
    entry('YEW-1', 'N/A'),
  ];
  const { deviceModel, hardware, firmwareVersion } = cpl[4] as Record<string, unknown>;
  const product = { deviceModel, hardware, firmwareVersion };
  let cohorts = 0;
  const cohort = (cohortId: string, userId: string, entryId: string, count: number, more: object = {}): object => {
    cohorts += 1;
    return {
      cohortId,
      userId,
      entryId,
      meters: { count, firstDeviceId: `90-B3-D5-00-00-0${cohorts.toString(16).toUpperCase()}-00-00` },
      ...more,
    };
  };
  const schedule = (imagesPerDay: number, fromDay = 0): object => ({
    schedule: { approvalForm: 'FORM-1', periods: [{ fromDay: day(fromDay), imagesPerDay }] },
  });
  const request = (
    requestId: string,
    userId: string,
    daysBefore: number,
    target: string,
    ids: string[],
    more: object = {},
  ): object => ({
    requestId,
    userId,
    requestedAt: instant(-daysBefore),
    targetEntryId: target,
    cohortIds: ids,
    ...more,
  });
  const input = {
    format: 1,
    campaignId: `proving-ground-${startDay}`,
    startDay,
    users: [
      ...SUPPLIERS.map((userId, at) => ({ userId, name: `Supplier ${at}`, role: 'supplier' })),
      { userId: DCC, name: 'DCC', role: 'dcc' },
    ],
    lists: {
      cpl,
      epcl: [
        { entryId: 'planned', products: [product], status: 'planned', route: { kind: 'a', testingCompleteOn: day(6) } },
      ],
    },
    cohorts: [
      cohort('oaks', ALDER, 'OAK-1', 700),
      cohort('oaks-half', ALDER, 'OAK-2', 100),
      cohort('elms', BIRCH, 'ELM-1', 500),
      cohort('yews', BIRCH, 'YEW-1', 30),
      cohort('small', CEDAR, 'ELM-1', 200),
      cohort('small-too', CEDAR, 'ASH-1', 100),
      cohort('dormant', ALDER, 'ELM-1', 200, { dormant: true, epclEntryId: 'planned' }),
      cohort('hubs', ALDER, 'HUB-1', 400),
      cohort('ashes', DOUGLAS, 'ASH-1', 250),
      cohort('bad', ELDER, 'ELM-1', 150),
      cohort('turned', DOUGLAS, 'ELM-1', 220),
      cohort('foreign', ELDER, 'ASH-1', 20),
      cohort('untouched', ELDER, 'ASH-1', 10),
    ],
    requests: [
      request('oaks', ALDER, 30, 'OAK-3', ['oaks', 'oaks-half'], {
        ...schedule(60),
        phases: [
          { name: 'canary', meters: 20 },
          { name: 'pilot', meters: 200 },
        ],
      }),
      request('elms', BIRCH, 29, 'ELM-2', ['elms', 'yews'], { ...schedule(70), skipCohortsWithoutPath: true }),
      request('small', CEDAR, 20, 'ELM-2', ['small']),
      request('small-too', CEDAR, 10, 'ASH-2', ['small-too']),
      request('dormant', DCC, 15, 'ELM-2', ['dormant'], schedule(30)),
      request('hubs', DCC, 5, 'HUB-2', ['hubs'], {
        deviceType: 'comms-hub',
        phases: [{ name: 'hypercare', meters: 40 }],
        notice: { severity: 'high', releaseNotes: 'keeps its clock' },
      }),
      request('ashes', DOUGLAS, -4, 'ASH-2', ['ashes'], { priority: 'security', safetyTestMeters: 10 }),
      request('bad', ELDER, 12, 'ELM-3', ['bad']),
      request('turned', DOUGLAS, 25, 'ELM-2', ['turned']),
      request('foreign', ALDER, 1, 'ASH-2', ['foreign']),
    ],
    policy: { capacityPerDay: CAPACITY_PER_DAY, unscheduledPerDay: UNSCHEDULED_PER_DAY },
    windows: [
      { zone: 'Europe/London', weekdays: [1, 2, 3, 4, 5, 6, 7], from: '22:00', to: '06:00' },
      { zone: 'UTC', weekdays: [3], from: '10:00', to: '14:00' },
    ],
    otherTraffic: [{ fromDay: day(3), toDay: day(6), imagesPerDay: 40 }],
    events: [
      event(instant(4, '09:00:00'), {
        kind: 'open-incident',
        incidentId: 'INC-1',
        requestId: 'ashes',
        priority: 1,
        haltsOthers: true,
      }),
      event(instant(6, '15:00:00'), { kind: 'close-incident', incidentId: 'INC-1' }),
      event(instant(7), {
        kind: 'open-incident',
        incidentId: 'INC-2',
        requestId: 'ashes',
        priority: 2,
        haltsOthers: false,
      }),
      event(instant(8, '12:00:00'), { kind: 'pause', requestId: 'turned', reason: 'another version is better' }),
      event(instant(9), { kind: 'capacity', fromDay: day(10), imagesPerDay: 90 }),
      event(instant(10, '12:00:00'), { kind: 'pause', requestId: 'oaks', reason: 'a display loses its tariff' }),
      event(instant(11), { kind: 'retarget', requestId: 'turned', targetEntryId: 'ELM-3' }),
      event(instant(12), { kind: 'resume', requestId: 'turned' }),
      event(instant(13), { kind: 'churn', cohortId: 'elms', meters: [[400, 409]], toUserId: CEDAR }),
      event(instant(14), { kind: 'resume', requestId: 'oaks' }),
      event(instant(15), { kind: 'churn', cohortId: 'oaks', meters: [[150, 179]], toUserId: CEDAR }),
      event(instant(16), { kind: 'abort', requestId: 'small-too', reason: 'withdrawn', halfDone: 'complete' }),
      event(instant(18), { kind: 'resume', requestId: 'bad' }),
      event(instant(24), { kind: 'abort', requestId: 'bad', reason: 'it fails', halfDone: 'leave' }),
    ],
    model: {
      otherwise: {
        silentShare: 0.01,
        noAnswerChance: 0.04,
        brokenChance: 0.02,
        failureChance: 0.0005,
        slowChance: 0.03,
        slowDaysMax: 6,
        churnShare: 0.02,
        churnDays: 30,
      },
      cohorts: [
        { cohortId: 'bad', behaviour: { failureChance: 0.2 } },
        { cohortId: 'ashes', behaviour: { noAnswerChance: 0.02, brokenChance: 0.02, silentShare: 0.01 } },
      ],
    },
  };
  return JSON.stringify(input, undefined, 2);
}

function event(at: string, command: object): object {
  return { at, command };
}

/** Campaigns from these days go through a change of London's clock, and a part of a year in which nothing changes. */
export const PROVING_DAYS: readonly string[] = ['2027-03-22', '2027-10-25', '2038-01-11'];
