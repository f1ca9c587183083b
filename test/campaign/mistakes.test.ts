import { campaignInputOfText, recordOfLine, simulate } from '@smets1/campaign';
import { parseJson } from '@smets1/http-guard';
import * as products from '@smets1/products';
import { describe, expect, it } from 'vitest';
import { JournalDraft } from './journal-draft.js';
import { campaignOf } from './machine.test-support.js';
import { PROVING_DAYS, provingGround } from './proving-ground.js';
import { trueJournal } from './seeded-violations.js';

type Json = Record<string, unknown> & {
  users: Record<string, unknown>[];
  cohorts: (Record<string, unknown> & { meters: Record<string, unknown> })[];
  requests: (Record<string, unknown> & { cohortIds: string[] })[];
  events: { at: string; command: Record<string, unknown> }[];
  windows: Record<string, unknown>[];
  policy: Record<string, unknown>;
  lists: { cpl: Record<string, unknown>[] };
};

const TEXT = provingGround(PROVING_DAYS[0]!);
const read = (text: string) => campaignInputOfText(text, parseJson, products);
const SCHEDULE = { fromDay: '2027-03-22', toDay: '2027-03-30', imagesPerDay: 5 };

/** A slip in the text of the file, and the fault that it is refused with. */
const FILES: readonly (readonly [slip: string, code: string, text: string])[] = [
  ['an image instead of the campaign', 'not-json', '\u001E\u00F1\u00EE\u000B'],
  ['a table of meters instead of the campaign', 'not-json', 'deviceId,model\n90-B3,OAK\n'],
  ['half of the file', 'not-json', TEXT.slice(0, TEXT.length / 2)],
  ['a byte order mark', 'byte-order-mark', `\uFEFF${TEXT}`],
  ['a key that is there twice', 'not-json', TEXT.replace('"format": 1', '"format": 1, "format": 1')],
  ['__proto__ as a key', 'not-json', TEXT.replace('"format": 1', '"format": 1, "__proto__": {}')],
  ['another JSON file', 'malformed', '{"name":"smets1-ota"}'],
];

/** A slip in what the file says. */
const INPUTS: readonly (readonly [slip: string, code: string, change: (input: Json) => void])[] = [
  ['a misspelt key', 'malformed', (input) => (input['windwos'] = [])],
  ['a version that no list has', 'unknown-id', (input) => (input.requests[0]!['targetEntryId'] = 'OAK-33')],
  ['a cohort that there is not', 'unknown-id', (input) => input.requests[0]!.cohortIds.push('okas')],
  ['a User who is not named', 'unknown-id', (input) => (input.requests[0]!['userId'] = '90-B3-D5-1F-30-00-00-77')],
  ['one cohort in two requests', 'contradiction', (input) => input.requests[2]!.cohortIds.push('oaks')],
  ['one meter in two cohorts', 'duplicate-meter', (input) => (input.cohorts[1]!.meters = input.cohorts[0]!.meters)],
  ['two requests of one name', 'duplicate-id', (input) => (input.requests[1]!['requestId'] = 'oaks')],
  ['no meters', 'malformed', (input) => (input.cohorts[0]!.meters['count'] = 0)],
  [
    'a device id in lower case',
    'malformed',
    (input) => (input.cohorts[0]!.meters['firstDeviceId'] = '90-b3-d5-00-00-01-00-00'),
  ],
  ['a capacity below nothing', 'malformed', (input) => (input.policy['capacityPerDay'] = -1)],
  ['a capacity as text', 'malformed', (input) => (input.policy['capacityPerDay'] = '12000')],
  ['a day that no calendar has', 'malformed', (input) => (input['startDay'] = '2027-02-30')],
  ['an instant without its zone', 'malformed', (input) => (input.requests[0]!['requestedAt'] = '2027-03-01T00:00:00')],
  ['a window in a zone that is not supported', 'malformed', (input) => (input.windows[0]!['zone'] = 'Europe/Paris')],
  [
    'periods of a schedule that overlap',
    'order',
    (input) => (input.requests[0]!['schedule'] = { approvalForm: 'F', periods: [SCHEDULE, SCHEDULE] }),
  ],
  [
    'phases that shrink',
    'order',
    (input) =>
      (input.requests[0]!['phases'] = [
        { name: 'a', meters: 20 },
        { name: 'b', meters: 10 },
      ]),
  ],
  [
    'security firmware without a safety test',
    'contradiction',
    (input) => delete input.requests[6]!['safetyTestMeters'],
  ],
  ['communications hubs without notice', 'contradiction', (input) => delete input.requests[5]!['notice']],
  ['communications hubs all at once', 'contradiction', (input) => (input.requests[5]!['phases'] = [])],
  ['a dormant cohort without a combination', 'contradiction', (input) => delete input.cohorts[6]!['epclEntryId']],
  ['events that are not in order', 'order', (input) => (input.events = input.events.toReversed())],
  [
    'an incident for a request without a safety test',
    'contradiction',
    (input) => (input.events[0]!.command['requestId'] = 'oaks'),
  ],
  [
    'churn of meters that the cohort has not',
    'order',
    (input) => (input.events.find(({ command }) => command['kind'] === 'churn')!.command['meters'] = [5000]),
  ],
  ['a hash that is cut short', 'bad-lists', (input) => (input.lists.cpl[0]!['manufacturerImageHash'] = 'abc')],
];

/** A slip that only the product lists show: the request is refused, or its meters have nothing to do. */
const REQUESTS: readonly (readonly [slip: string, outcome: string, change: (input: Json) => void])[] = [
  ['a lower version', 'no-path', (input) => (input.requests[7]!['targetEntryId'] = 'YEW-1')],
  [
    'an older version of the same model',
    'no-path',
    (input) => {
      input.cohorts[9]!['entryId'] = 'ELM-3';
      input.requests[7]!['targetEntryId'] = 'ELM-2';
    },
  ],
  ['firmware of another model', 'no-path', (input) => (input.requests[7]!['targetEntryId'] = 'OAK-3')],
  ['firmware that was withdrawn', 'no-path', (input) => (input.lists.cpl[5]!['status'] = 'Withdrawn')],
  [
    "another Supplier's meters",
    'not-the-responsible-supplier',
    (input) => (input.cohorts[9]!['userId'] = input.users[0]!['userId']),
  ],
  [
    'meters that are not dormant, asked for by the DCC',
    'no-deemed-consent',
    (input) => (input.requests[7]!['userId'] = input.users[5]!['userId']),
  ],
];

const spoilt = (change: (input: Json) => void): string => {
  const input = JSON.parse(TEXT) as Json;
  change(input);
  return JSON.stringify(input);
};

describe('An operator', () => {
  it('is scripted with 30 mistakes at least', () => {
    expect(FILES.length + INPUTS.length + REQUESTS.length).toBeGreaterThanOrEqual(30);
    expect(read(TEXT).ok).toBe(true);
  });

  it.each(FILES)('who gives %s is told %s', (_, code, text) => {
    expect(read(text)).toMatchObject({ ok: false, fault: { code } });
  });

  it.each(INPUTS)('who writes %s is told %s', (_, code, change) => {
    const input = read(spoilt(change));
    expect(input).toMatchObject({ ok: false, fault: { code } });
    expect(input.ok ? '' : input.fault.message).not.toBe('');
  });

  it.each(REQUESTS)(
    'who asks for %s has the request refused as %s, and none of its meters is touched',
    (_, code, change) => {
      const draft = new JournalDraft(trueJournal(spoilt(change), 1).journal);
      const { record } = draft.one('requested', ({ requestId }) => requestId === 'bad');
      expect([record.outcome, record.refusal?.code]).toEqual(['refused', code]);
      expect(draft.all('released', ({ requestId }) => requestId === 'bad')).toEqual([]);
    },
  );

  it('who asks for the version that runs already starts nothing', () => {
    const draft = new JournalDraft(
      trueJournal(
        spoilt((input) => (input.cohorts[9]!['entryId'] = 'ELM-3')),
        1,
      ).journal,
    );
    expect(draft.one('requested', ({ requestId }) => requestId === 'bad').record.routes[0]!.hops).toEqual([]);
    expect(draft.all('released', ({ requestId }) => requestId === 'bad')).toEqual([]);
  });

  it('who gives the journal of another campaign is told so', () => {
    const kept = trueJournal(TEXT, 1).journal.split('\n').slice(0, 30).map(recordOfLine);
    const campaign = campaignOf(provingGround(PROVING_DAYS[1]!));
    expect(() => simulate({ campaign, seed: 1, inputDigest: '0'.repeat(64), journal: kept })).toThrow(
      expect.objectContaining({ code: 'other-campaign' }) as Error,
    );
  });
});
