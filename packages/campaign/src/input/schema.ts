/** What the input file looks like, key by key; what must hold between its parts is in `input-checks.ts`. */
import * as v from 'valibot';
import {
  CAPACITY_PER_DAY_DEFAULT,
  CAPACITY_PER_DAY_MAX,
  COHORTS_MAX,
  EVENTS_MAX,
  GIVE_UP_DAYS_DEFAULT,
  ID_CHARACTERS_MAX,
  IMAGE_OCTETS_MAX,
  INCIDENT_PRIORITY_MAX,
  LARGE_ABOVE_OCTETS_DEFAULT,
  METERS_MAX,
  MINUTES_PER_DAY,
  NOTICE_DAYS_DEFAULT,
  PARKED_DAYS_DEFAULT,
  PHASE_ANSWERED_SHARE_DEFAULT,
  PHASES_MAX,
  POLICY_DAYS_MAX,
  RELEASE_EVERY_MINUTES_DEFAULT,
  REQUESTS_MAX,
  RESPONSE_DAYS_DEFAULT,
  RETRIES_DEFAULT,
  RETRIES_MAX,
  RETRY_AFTER_DAYS_DEFAULT,
  SCHEDULE_PERIODS_MAX,
  SIMULTANEOUS_DAYS_DEFAULT,
  SLOW_DAYS_MAX,
  TEXT_CHARACTERS_MAX,
  TRAFFIC_PERIODS_MAX,
  UNSCHEDULED_PER_DAY_DEFAULT,
  USERS_MAX,
  WINDOWS_MAX,
} from '../limits.js';
import type { CampaignCommand, CampaignInput, MeterSet } from '../model/campaign-input.js';
import { dayOfText, instantOfText } from '../time/civil.js';
import { dividesDay } from '../time/windows.js';

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const EUI64 = /^(?:[0-9A-F]{2}-){7}[0-9A-F]{2}$/;
const CLOCK = /^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/;

const id = v.pipe(
  v.string(),
  v.maxLength(ID_CHARACTERS_MAX, `is longer than ${ID_CHARACTERS_MAX} characters`),
  v.regex(ID, 'is no id: letters, digits, dots, dashes and underscores, the first a letter or digit'),
);
const eui64 = v.pipe(
  v.string(),
  v.regex(EUI64, 'is not eight pairs of upper-case hex digits with dashes, as in 90-B3-D5-1F-30-01-00-00'),
);
const text = v.pipe(v.string(), v.minLength(1, 'is empty'), v.maxLength(TEXT_CHARACTERS_MAX));
const day = v.pipe(
  v.string(),
  v.check((given) => dayOfText(given) !== undefined, 'is no day, as in 2026-11-30'),
);
const instant = v.pipe(
  v.string(),
  v.check((given) => instantOfText(given) !== undefined, 'is no instant in UTC, as in 2026-11-30T12:00:00Z'),
);
const whole = (min: number, max: number): v.GenericSchema<number> =>
  v.pipe(
    v.number(),
    v.safeInteger('is no whole number'),
    v.minValue(min, `is below ${min}`),
    v.maxValue(max, `is above ${max}`),
  );
const part = v.pipe(v.number(), v.minValue(0, 'is below 0'), v.maxValue(1, 'is above 1'));
const rate = v.pipe(
  v.number(),
  v.check((given) => given > 0 && given < 1, 'is not between 0 and 1'),
);
const imagesPerDay = whole(0, CAPACITY_PER_DAY_MAX);
const days = whole(0, POLICY_DAYS_MAX);

const user = v.strictObject({ userId: eui64, name: text, role: v.picklist(['supplier', 'dcc']) });
const meters = v.union(
  [
    v.strictObject({ count: whole(1, METERS_MAX), firstDeviceId: eui64 }),
    v.strictObject({ deviceIds: v.pipe(v.array(eui64), v.minLength(1), v.maxLength(METERS_MAX)) }),
  ],
  'is neither { "count", "firstDeviceId" } nor { "deviceIds": [ … ] } with ids in upper case',
);
const cohort = v.strictObject({
  cohortId: id,
  userId: eui64,
  entryId: id,
  meters,
  dormant: v.optional(v.boolean(), false),
  epclEntryId: v.optional(id),
});
const schedulePeriod = v.strictObject({ fromDay: day, toDay: v.optional(day), imagesPerDay });
const request = v.strictObject({
  requestId: id,
  userId: eui64,
  requestedAt: instant,
  targetEntryId: id,
  cohortIds: v.pipe(v.array(id), v.minLength(1), v.maxLength(COHORTS_MAX)),
  deviceType: v.optional(v.picklist(['esme', 'comms-hub']), 'esme'),
  readyDay: v.optional(day),
  skipCohortsWithoutPath: v.optional(v.boolean(), false),
  priority: v.optional(v.picklist(['normal', 'security']), 'normal'),
  safetyTestMeters: v.optional(whole(1, METERS_MAX)),
  schedule: v.optional(
    v.strictObject({
      approvalForm: text,
      periods: v.pipe(v.array(schedulePeriod), v.minLength(1), v.maxLength(SCHEDULE_PERIODS_MAX)),
    }),
  ),
  phases: v.optional(
    v.pipe(v.array(v.strictObject({ name: text, meters: whole(1, METERS_MAX) })), v.maxLength(PHASES_MAX)),
    [],
  ),
  notice: v.optional(
    v.strictObject({ severity: v.picklist(['low', 'medium', 'high', 'critical']), releaseNotes: text }),
  ),
});
const stopRule = v.strictObject({
  acceptRate: v.optional(rate, 0.001),
  stopRate: v.optional(rate, 0.02),
  falseStop: v.optional(rate, 0.0001),
  falseGo: v.optional(rate, 0.01),
});
const policy = v.strictObject({
  largeAboveOctets: v.optional(whole(0, IMAGE_OCTETS_MAX), LARGE_ABOVE_OCTETS_DEFAULT),
  capacityPerDay: v.optional(imagesPerDay, CAPACITY_PER_DAY_DEFAULT),
  unscheduledPerDay: v.optional(imagesPerDay, UNSCHEDULED_PER_DAY_DEFAULT),
  unscheduledEdge: v.optional(v.picklist(['more-than', 'or-more']), 'more-than'),
  responseDays: v.optional(days, RESPONSE_DAYS_DEFAULT),
  giveUpDays: v.optional(whole(1, POLICY_DAYS_MAX), GIVE_UP_DAYS_DEFAULT),
  noticeDays: v.optional(days, NOTICE_DAYS_DEFAULT),
  simultaneousDays: v.optional(days, SIMULTANEOUS_DAYS_DEFAULT),
  retriesMax: v.optional(whole(0, RETRIES_MAX), RETRIES_DEFAULT),
  retryAfterDays: v.optional(days, RETRY_AFTER_DAYS_DEFAULT),
  parkedDaysMax: v.optional(whole(1, POLICY_DAYS_MAX), PARKED_DAYS_DEFAULT),
  releaseEveryMinutes: v.optional(
    v.pipe(whole(1, MINUTES_PER_DAY), v.check(dividesDay, `does not divide ${MINUTES_PER_DAY}`)),
    RELEASE_EVERY_MINUTES_DEFAULT,
  ),
  phaseAnsweredShare: v.optional(part, PHASE_ANSWERED_SHARE_DEFAULT),
  stopRule: v.optional(stopRule, {}),
});
const clock = v.pipe(v.string(), v.regex(CLOCK, 'is no time of a day, as in 22:00'));
const window = v.strictObject({
  zone: v.picklist(['UTC', 'Europe/London']),
  weekdays: v.pipe(v.array(whole(1, 7)), v.minLength(1), v.maxLength(7)),
  from: clock,
  to: clock,
});
const index = whole(0, METERS_MAX);
const meterSet: v.GenericSchema<MeterSet> = v.pipe(
  v.array(v.union([index, v.strictTuple([index, index])], 'is neither an index nor [first, last]')),
  v.minLength(1),
  v.maxLength(METERS_MAX),
);
const reason = text;
const command = v.variant('kind', [
  v.strictObject({ kind: v.literal('capacity'), fromDay: day, imagesPerDay }),
  v.strictObject({ kind: v.literal('pause'), requestId: v.optional(id), reason }),
  v.strictObject({ kind: v.literal('resume'), requestId: v.optional(id) }),
  v.strictObject({
    kind: v.literal('abort'),
    requestId: v.optional(id),
    reason,
    halfDone: v.picklist(['complete', 'leave']),
  }),
  v.strictObject({
    kind: v.literal('open-incident'),
    incidentId: id,
    requestId: id,
    priority: whole(1, INCIDENT_PRIORITY_MAX),
    haltsOthers: v.boolean(),
  }),
  v.strictObject({ kind: v.literal('close-incident'), incidentId: id }),
  v.strictObject({ kind: v.literal('churn'), cohortId: id, meters: meterSet, toUserId: eui64 }),
  v.strictObject({ kind: v.literal('retarget'), requestId: id, targetEntryId: id }),
]);
const behaviour = v.strictObject({
  silentShare: v.optional(part, 0),
  noAnswerChance: v.optional(part, 0),
  brokenChance: v.optional(part, 0),
  failureChance: v.optional(part, 0),
  minutesMin: v.optional(whole(0, 10 * MINUTES_PER_DAY), 30),
  minutesMax: v.optional(whole(0, 10 * MINUTES_PER_DAY), 180),
  slowChance: v.optional(part, 0),
  slowDaysMax: v.optional(whole(1, SLOW_DAYS_MAX), 6),
  churnShare: v.optional(part, 0),
  churnDays: v.optional(whole(1, POLICY_DAYS_MAX), 30),
});

/** Checks a command as a person gives it to a running campaign. */
export const COMMAND_SCHEMA: v.GenericSchema<unknown, CampaignCommand> = command;

/** Everything but the product lists, which have a schema of their own. */
export const INPUT_SCHEMA: v.GenericSchema<unknown, Omit<CampaignInput, 'lists'> & { readonly lists: unknown }> =
  v.strictObject({
    format: v.literal(1, 'is not 1: this input is of another version'),
    campaignId: id,
    startDay: day,
    users: v.pipe(v.array(user), v.minLength(1), v.maxLength(USERS_MAX)),
    lists: v.unknown(),
    cohorts: v.pipe(v.array(cohort), v.minLength(1), v.maxLength(COHORTS_MAX)),
    requests: v.pipe(v.array(request), v.minLength(1), v.maxLength(REQUESTS_MAX)),
    policy: v.optional(policy, {}),
    windows: v.optional(v.pipe(v.array(window), v.maxLength(WINDOWS_MAX)), []),
    otherTraffic: v.optional(
      v.pipe(v.array(v.strictObject({ fromDay: day, toDay: day, imagesPerDay })), v.maxLength(TRAFFIC_PERIODS_MAX)),
      [],
    ),
    events: v.optional(v.pipe(v.array(v.strictObject({ at: instant, command })), v.maxLength(EVENTS_MAX)), []),
    model: v.optional(
      v.strictObject({
        otherwise: v.optional(behaviour, {}),
        cohorts: v.optional(v.pipe(v.array(v.strictObject({ cohortId: id, behaviour })), v.maxLength(COHORTS_MAX)), []),
      }),
      {},
    ),
  });
