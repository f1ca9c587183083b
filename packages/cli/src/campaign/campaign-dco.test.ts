/** Goal: what is asked of a DCO is the same request each time it is asked, and what it answers is read as what it is, and acknowledged only where it is ours. */
import { campaignInputOf, compileCampaign, stopRule, type Activation, type DcoPort } from '@smets1/campaign';
import { DcoError, type DcoClient, type EntryRecord } from '@smets1/dco';
import { demoKey, nodeCrypto } from '@smets1/host';
import * as products from '@smets1/products';
import { decodeAuthorisation, toHex } from '@smets1/protocol';
import { describe, expect, it } from 'vitest';
import { CliError } from '../errors.js';
import { campaignDco, isPassing } from './campaign-dco.js';
import { requestKeys } from './request-keys.js';

const USER = '90-B3-D5-1F-30-01-00-00';
const OTHER = '90-B3-D5-1F-30-01-00-01';
const DEVICE = '00-DB-12-34-56-78-90-A0';
const HASH = '2'.repeat(64);
const entry = { deviceModel: 'ALTO', hardware: '1111', status: 'Active', takesUpdates: true, operable: true };
const cpl = [
  {
    ...entry,
    entryId: 'V1',
    firmwareVersion: '00010000',
    manufacturerImageHash: '1'.repeat(64),
    imageOctets: 900_000,
    upgradableFrom: 'N/A',
  },
  {
    ...entry,
    entryId: 'V2',
    firmwareVersion: '00020000',
    manufacturerImageHash: HASH,
    imageOctets: 900_000,
    upgradableFrom: ['V1'],
  },
];
const input = campaignInputOf(
  {
    format: 1,
    campaignId: 'spring',
    startDay: '2027-01-01',
    users: [USER, OTHER].map((userId) => ({ userId, name: userId, role: 'supplier' })),
    lists: { cpl, epcl: [] },
    cohorts: [{ cohortId: 'c', userId: USER, entryId: 'V1', meters: { deviceIds: [DEVICE] } }],
    requests: [
      { requestId: 'r', userId: USER, requestedAt: '2027-01-01T00:00:00Z', targetEntryId: 'V2', cohortIds: ['c'] },
    ],
  },
  products,
);
if (!input.ok) throw new Error(input.fault.message);
const campaign = compileCampaign(input.value, { products, stopRule: stopRule(input.value.policy.stopRule) });
const keys = requestKeys(campaign, nodeCrypto());
const KEY = `spring/${DEVICE}/${HASH}/1`;
const start: Activation = { key: KEY, userId: USER, deviceId: DEVICE, entryId: 'V2', imageHash: HASH, ordinal: 77n };

function portOf(client: Partial<DcoClient>, supplierKey: boolean = true): DcoPort {
  const image = {
    path: 'v2.s1pk',
    parts: [Uint8Array.of(1), Uint8Array.of(2)],
    imageHash: new Uint8Array(32).fill(0x22),
    manifestDigest: new Uint8Array(32).fill(9),
  };
  return campaignDco({
    client: client as DcoClient,
    campaign,
    crypto: nodeCrypto(),
    images: new Map([['V2', image]]),
    supplierKey: () => (supplierKey ? demoKey('supplier') : undefined),
    nowS: () => 1_800_000_000,
  });
}

const refusal = (code: string, status = 409): DcoError =>
  new DcoError('server-refused', `refused: ${code}`, { refusal: { status, code } });

const answer = (
  number: number,
  requestId: string,
  code: EntryRecord['code'],
  more: Partial<EntryRecord> = {},
): EntryRecord => ({
  number,
  kind: 'response',
  requestId,
  srv: '11.3',
  atMs: 0,
  code,
  message: code,
  ...more,
});

describe('A start', () => {
  it('has one RequestID, and an authorisation for that meter, image and User with the ordinal as its counter', async () => {
    const asked: Parameters<DcoClient['activate']>[0][] = [];
    const port = portOf({
      activate: async (request) => {
        asked.push(request);
        return await Promise.resolve({ requestId: request.requestId, repeated: false });
      },
    });
    expect(await port.activate(start)).toEqual({ taken: true });
    await port.activate(start);
    expect(new Set(asked.map(({ requestId }) => requestId)).size).toBe(1);
    expect(asked[0]!.requestId).toMatch(new RegExp(`^${USER}:${DEVICE}:[0-9]+$`));
    expect(asked[0]).toMatchObject({ deviceId: DEVICE, firmwareHash: HASH });
    const decoded = decodeAuthorisation(asked[0]!.authorisation);
    if (!decoded.ok) throw new Error(decoded.fault.detail);
    expect(decoded.value).toMatchObject({ originatorCounter: 77n, countersigned: false, notBeforeS: 0 });
    expect(decoded.value.notAfterS).toBe(1_800_000_000 + 40 * 86_400);
    expect(toHex(decoded.value.imageHash)).toBe('22'.repeat(32));
  });

  it('that was taken before counts as taken, and its end is told although it was acknowledged long ago', async () => {
    const requestId = keys.activation(USER, DEVICE, KEY);
    const port = portOf({
      activate: async () => await Promise.reject(refusal('request-id-reused')),
      request: async (asked) =>
        await Promise.resolve({
          requestId: asked,
          srv: '11.3',
          state: 'answered',
          at: '',
          responses: [answer(4, requestId, 'accepted'), answer(9, requestId, 'reverted')],
        }),
      responses: async () => await Promise.resolve({ responses: [], acknowledgedUpTo: 9, more: false }),
      acknowledge: async () => await Promise.reject(new Error('nothing is to be acknowledged')),
    });
    expect(await port.activate(start)).toEqual({ taken: true });
    const told = await port.responses();
    expect(told).toEqual([{ sequence: 0, key: KEY, result: 'reverted' }]);
    await port.acknowledge(0);
    expect(await port.responses()).toEqual([]);
  });

  it.each([
    ['device-unknown', 'refused'],
    ['originator-counter-used', 'refused'],
    ['release-pending', 'broken-off'],
  ])('that is refused for %s is the outcome %s of that meter', async (code, result) => {
    const port = portOf({ activate: async () => await Promise.reject(refusal(code)) });
    expect(await port.activate(start)).toMatchObject({ taken: false, result, message: `refused: ${code}` });
  });

  it.each([
    ['quota-exceeded', true],
    ['too-many-releases', true],
    ['authorisation-refused', false],
    ['image-not-held', false],
    ['a-code-of-tomorrow', false],
  ])('that is refused for %s concerns no meter in particular', async (code, passing) => {
    const port = portOf({ activate: async () => await Promise.reject(refusal(code)) });
    const error: unknown = await port.activate(start).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DcoError);
    expect(isPassing(error)).toBe(passing);
  });

  it('without a key or a package is refused with the way out', async () => {
    await expect(portOf({}, false).activate(start)).rejects.toThrow(/add --supplier-key 90-B3-D5-1F-30-01-00-00=PEM/);
    await expect(portOf({}).activate({ ...start, entryId: 'V3' })).rejects.toThrow(/V3 is not there; add --package/);
    expect(isPassing(new CliError('usage', ''))).toBe(false);
    expect(isPassing(new DcoError('no-answer', ''))).toBe(true);
  });
});

describe('Responses', () => {
  const ours = (tries: number): string => keys.activation(USER, DEVICE, `spring/${DEVICE}/${HASH}/${tries}`);
  const portWith = (entries: readonly EntryRecord[], acknowledged: number[]): DcoPort =>
    portOf({
      responses: async (after = 0) => {
        const responses = entries.filter(({ number }) => number > after).slice(0, 2);
        const more = entries.at(-1)!.number > (responses.at(-1)?.number ?? after);
        return await Promise.resolve({ responses, acknowledgedUpTo: 0, more });
      },
      acknowledge: async (upTo) => {
        acknowledged.push(upTo);
        return await Promise.resolve({ acknowledgedUpTo: upTo });
      },
    });

  it('are read to their end, each under the key of its start', async () => {
    const acknowledged: number[] = [];
    const port = portWith(
      [
        answer(1, keys.part(USER, 'spring/0/0/0/0', 1), 'success', { srv: '11.1' }),
        answer(2, ours(1), 'no-answer'),
        answer(3, ours(2), 'accepted'),
        answer(4, ours(2), 'activation-failed', {
          device: { deviceId: DEVICE, activateImageResponseCode: 'noImageHeld' },
        }),
        answer(5, ours(3), 'success', { kind: 'alert' }),
      ],
      acknowledged,
    );
    const told = await port.responses();
    expect(told.filter(({ key }) => key !== '')).toEqual([
      { sequence: 2, key: KEY, result: 'no-answer' },
      { sequence: 4, key: `spring/${DEVICE}/${HASH}/2`, result: 'no-image-held' },
      { sequence: 5, key: `spring/${DEVICE}/${HASH}/3`, result: 'success' },
    ]);
    await port.acknowledge(told.at(-1)!.sequence);
    expect(acknowledged).toEqual([5]);
    expect(await port.responses()).toEqual([]);
  });

  it.each([
    ['of another request for the same meter', answer(2, `${USER}:${DEVICE}:1`, 'success')],
    ['of another campaign', answer(2, keys.activation(USER, DEVICE, `autumn/${DEVICE}/${HASH}/1`), 'success')],
    ['of a stranger', answer(2, ours(1).replace(USER, '90-B3-D5-1F-30-09-00-00'), 'success')],
    ['to an 11.1 that somebody else sent', answer(2, `${USER}:90-B3-D5-1F-30-00-00-02:7`, 'success', { srv: '11.1' })],
    ['to an 11.2', answer(2, ours(1), 'success', { srv: '11.2' })],
  ])('%s are left to whom they belong, with all that come after them', async (_, foreign) => {
    const acknowledged: number[] = [];
    const port = portWith([answer(1, ours(1), 'no-answer'), foreign, answer(3, ours(2), 'success')], acknowledged);
    const told = await port.responses();
    expect(told.map(({ sequence }) => sequence)).toEqual([1, 3]);
    await port.acknowledge(3);
    expect(acknowledged).toEqual([1]);
  });
});

describe('An image', () => {
  it('is sent part by part under ids that follow from the batch, and counts once the DCO has answered', async () => {
    const asked: string[] = [];
    const submit = { key: 'spring/5/0/0/0', userId: USER, entryId: 'V2', imageHash: HASH, deviceIds: [DEVICE] };
    const clientWith = (code: EntryRecord['code'], isAnswered = true): Partial<DcoClient> => ({
      submitPart: async ({ requestId, part }) => {
        asked.push(`${requestId} ${part[0]}`);
        const answered = isAnswered && part[0] === 2;
        return await Promise.resolve({
          requestId,
          imageId: '',
          repeated: false,
          answered,
          heldBlocks: 1,
          blockCount: 2,
        });
      },
      request: async (requestId) =>
        await Promise.resolve({
          requestId,
          srv: '11.1',
          state: 'answered',
          at: '',
          responses: [answer(1, requestId, code, { srv: '11.1' })],
        }),
    });
    await portOf(clientWith('success')).submit(submit);
    await portOf(clientWith('success')).submit(submit);
    expect(new Set(asked).size).toBe(2);
    await portOf(clientWith('success')).submit({ ...submit, key: 'spring/6/0/0/0' });
    expect(new Set(asked).size).toBe(4);
    await expect(portOf(clientWith('gbcs-signature')).submit(submit)).rejects.toThrow(
      /does not take v2\.s1pk \(gbcs-signature\)/,
    );
    await expect(portOf(clientWith('success', false)).submit(submit)).rejects.toThrow(/no 11\.1 response/);
  });
});

describe('Room', () => {
  it('is what the ledger has left, for every User of the campaign', async () => {
    const port = portOf({
      capacity: async (day) =>
        await Promise.resolve({
          day: day ?? '',
          today: '',
          perDay: 12_000,
          otherTraffic: 0,
          max: 12_000,
          used: 11_300,
          left: 700,
          limitWithoutSchedule: 500,
          waiting: 0,
          halted: false,
          users: [{ userId: OTHER, used: 480, limit: 500, left: 20, waiting: 0 }],
          incidents: [],
          schedules: [],
          changes: [],
        }),
    });
    expect(await port.room('2027-01-04')).toEqual({
      images: 700,
      users: [
        { userId: USER, images: 500 },
        { userId: OTHER, images: 20 },
      ],
    });
  });
});
