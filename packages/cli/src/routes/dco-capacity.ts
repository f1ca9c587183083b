import { buildRouteMap, type RouteMap, type TypedFlagParameter } from '@stricli/core';
import { examples, json, onePath } from '../flags/common.js';
import { day, eui64, imageHash, wholeNumber } from '../flags/values.js';
import { INCIDENT_PRIORITY_MAX, STARTS_PER_DAY_MAX } from '../limits.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';
import { dcoAddress, dcoTokenFile } from './dco-flags.js';

type Flag<T> = TypedFlagParameter<T, CliContext>;

const to = dcoAddress;
const tokenFile = dcoTokenFile;
const perDay = wholeNumber(0, STARTS_PER_DAY_MAX);
const AT = '--to http://127.0.0.1:8081 --token-file store.token';
const reference = (brief: string): ReturnType<typeof onePath> => onePath(brief, 'REFERENCE');

function optionalDay(brief: string): Flag<string | undefined> {
  return { kind: 'parsed', parse: day, optional: true, brief, placeholder: 'YYYY-MM-DD' };
}

const show = command(async () => (await import('../commands/dco-capacity-show.js')).dcoCapacityShow, {
  parameters: { flags: { to, tokenFile, day: optionalDay('The day; today when not given'), json } },
  docs: {
    brief: 'See how many large images a day has room for, and who has what of it',
    fullDescription: [
      'Large images are those of more than 750,000 octets. Days are in UTC. What waits is counted as of now.\n',
      examples(`smets1 dco capacity show ${AT}`, `smets1 dco capacity show ${AT} --day 2026-12-01 --json`),
    ].join('\n'),
  },
});

const schedule = command(async () => (await import('../commands/dco-capacity-schedule.js')).dcoCapacitySchedule, {
  parameters: {
    flags: {
      to,
      tokenFile,
      user: {
        kind: 'parsed',
        parse: eui64,
        optional: true,
        brief: 'EUI-64 of the User: the originator of its requests',
        placeholder: 'EUI64',
      },
      first: optionalDay('First day'),
      last: optionalDay('Last day'),
      perDay: {
        kind: 'parsed',
        parse: wholeNumber(1, STARTS_PER_DAY_MAX),
        optional: true,
        brief: 'Large images on each of these days',
        placeholder: 'N',
      },
      withdraw: { kind: 'boolean', brief: 'Withdraw the schedule', default: false },
      json,
    },
    positional: reference('Reference of the bulk approval form'),
  },
  docs: {
    brief: 'Put a delivery schedule that was agreed with a User',
    fullDescription: [
      'A User may start 500 large images a day; more only by an agreed schedule. The same reference again alters the schedule.',
      'All schedules of a day together stay within its capacity.\n',
      examples(
        `smets1 dco capacity schedule "BULK 17" ${AT} \\`,
        '  --user 90-B3-D5-1F-30-01-00-00 --first 2026-12-01 --last 2026-12-20 --per-day 4000',
        `smets1 dco capacity schedule "BULK 17" ${AT} --withdraw`,
      ),
    ].join('\n'),
  },
});

const change = command(async () => (await import('../commands/dco-capacity-change.js')).dcoCapacityChange, {
  parameters: {
    flags: {
      to,
      tokenFile,
      from: { kind: 'parsed', parse: day, brief: 'First day', placeholder: 'YYYY-MM-DD' },
      perDay: { kind: 'parsed', parse: perDay, brief: 'Large images a day over all Users', placeholder: 'N' },
      otherTraffic: {
        kind: 'parsed',
        parse: perDay,
        optional: true,
        brief: 'How many of them other traffic takes; none when not given',
        placeholder: 'N',
      },
      json,
    },
    positional: reference('Reference of the notice'),
  },
  docs: {
    brief: 'Change how many large images a day has room for, from a day on',
    fullDescription: [
      'It counts until the next change. A second one from the same day replaces the first. 12,000 is the most that the DCO allows.',
      'Days on which agreed schedules no longer fit are named.\n',
      examples(`smets1 dco capacity change "NOTICE 3" ${AT} --from 2026-12-24 --per-day 6000 --other-traffic 1000`),
    ].join('\n'),
  },
});

const incident = command(async () => (await import('../commands/dco-capacity-incident.js')).dcoCapacityIncident, {
  parameters: {
    flags: {
      to,
      tokenFile,
      hash: {
        kind: 'parsed',
        parse: imageHash,
        optional: true,
        brief: 'Hash of the Manufacturer Image that it is about',
        placeholder: 'HEX64',
      },
      priority: {
        kind: 'parsed',
        parse: wholeNumber(1, INCIDENT_PRIORITY_MAX),
        default: '1',
        brief: 'Which of several incidents goes first: 1 does',
        placeholder: 'N',
      },
      halt: { kind: 'boolean', brief: 'Other large images wait until it is closed', default: false },
      close: { kind: 'boolean', brief: 'Close it', default: false },
      json,
    },
    positional: reference('Reference of the incident'),
  },
  docs: {
    brief: 'Open or close a security incident about an image, which then goes first',
    fullDescription: [
      'Its image goes first, within the capacity of the day and the limit of its User. What was begun is completed.\n',
      examples(
        `smets1 dco capacity incident "INC 9" ${AT} --halt \\`,
        '  --hash 7542f475e3f12eae887d81e32c46d313741d67076b13caec2f82e00ba5e1bb36',
        `smets1 dco capacity incident "INC 9" ${AT} --close`,
      ),
    ].join('\n'),
  },
});

export const dcoCapacityRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { show, schedule, change, incident },
  docs: { brief: 'The daily capacity for large images: show, schedule, change, incident' },
});
