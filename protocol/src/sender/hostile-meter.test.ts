/**
 * Goal: no meter, however mad or malicious, makes a host throw, hang, grow, or say what is not so.
 * Method: the sender alone, and in the meter's place something that answers as it likes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../authorisation/outcome.js';
import type { Envelope } from '../message/envelope.js';
import type { HostMessage } from '../message/host-messages.js';
import type { MeterMessage } from '../message/meter-messages.js';
import { FRAME_PAYLOAD_BYTES_MAX } from '../limits.js';
import { REFUSAL_CODES } from '../refusal.js';
import { authorisationFor, DEVICE_ID, modelImage, planOf } from '../test-support/model-image.test-support.js';
import { hello, image, LonelyHost, sackNothing, until, type Answer } from '../test-support/lonely-host.test-support.js';
import { below, chanceOf, randomOctets } from '../test-support/world.test-support.js';
import type { SenderPlan, SenderResult } from './sender-types.js';

const busy = (etaMs: number) => (): MeterMessage => ({ kind: 'busy', cause: 'checking', etaMs });
const refuse = (code: number) => (): MeterMessage => ({ kind: 'refuse', code, requestType: 2, detail: 5 });
const allDurable = { ...sackNothing, durableFrom: 16, durableCount: 12 };
const acceptWith =
  (given: object) =>
  ({ message }: Envelope<HostMessage>): MeterMessage => ({
    kind: 'accept',
    status: 'send',
    blockShift: 8,
    durableCount: 0,
    offerNonce: message.kind === 'offer' ? message.offerNonce : 0,
    creditBlocks: 16,
    frameBytesMax: 8_192,
    manifestDigest: image.manifestDigest,
    ...given,
  });

/** The meter says `word` every `everyMs`, whatever the host says. */
function chatter(host: LonelyHost, everyMs: number, word: () => Answer): void {
  host.world.in(everyMs, () => {
    if (host.state.phase.kind === 'ended') return;
    host.give({ kind: 'heard', received: { kind: 'message', envelope: word() } });
    chatter(host, everyMs, word);
  });
}

describe('a host before a meter that', () => {
  const run = (
    own: Parameters<typeof until>[0],
    plan: Partial<SenderPlan> = {},
  ): { result: SenderResult; host: LonelyHost } => {
    const host = new LonelyHost(planOf({ image, ...plan }), until(own));
    return { result: host.run(), host };
  };

  it('never answers gives up as no-answer in seconds', () => {
    const host = new LonelyHost(planOf({ image }), () => []);
    expect(host.run()).toMatchObject({ kind: 'failed', reason: 'no-answer' });
    expect(host.world.nowMs).toBe(10_000);
  });

  it('is busy for ever gives up after ten minutes, and sooner says nothing', () => {
    for (const etaMs of [0, 100, 0xffffffff]) {
      const { result, host } = run({ offer: busy(etaMs) });
      expect(result).toMatchObject({ kind: 'failed', reason: 'interrupted' });
      expect(host.world.nowMs).toBeGreaterThan(600_000);
      expect(host.world.nowMs).toBeLessThan(620_000);
    }
  });

  it('infinite retry on a permanent error: refuses is asked once', () => {
    const { result, host } = run({ offer: refuse(REFUSAL_CODES.counterTooLow) });
    expect(result).toMatchObject({
      kind: 'failed',
      reason: 'refused',
      refusal: { code: REFUSAL_CODES.counterTooLow, detail: 5 },
    });
    expect(host.sent).toBe(2);
  });

  it('refuses with a code of a later minor is believed all the same', () => {
    expect(run({ offer: refuse(999) }).result).toMatchObject({ reason: 'refused', refusal: { code: 999 } });
  });

  it('is busy with another for ever, or loses every session, is left in the end', () => {
    const others = run({ offer: refuse(REFUSAL_CODES.busyWithOther) });
    expect(others.result).toMatchObject({ kind: 'failed', reason: 'interrupted' });
    expect(others.host.world.nowMs).toBeLessThan(620_000);
    const lossy = run({ ping: () => ({ kind: 'refuse', code: REFUSAL_CODES.noSession, requestType: 3, detail: 0 }) });
    expect(lossy.result).toMatchObject({ kind: 'failed', reason: 'interrupted' });
    const forgetful = run({ ping: () => allDurable, seal: refuse(REFUSAL_CODES.incomplete) });
    expect(forgetful.result).toMatchObject({ kind: 'failed', reason: 'interrupted' });
    for (const { host } of [lossy, forgetful]) expect(host.sent).toBeLessThan(1_000);
  });

  it('answers MAP one block at a time, or about other blocks, is left in the end', () => {
    const map = (count: number, firstBlock: number) => (): MeterMessage => ({
      kind: 'map',
      firstBlock,
      count,
      bitmap: new Uint8Array(1),
    });
    for (const answer of [map(1, 0), map(8, 8), map(4_096, 65_528)]) {
      expect(run({ offer: acceptWith({ durableCount: 3 }), 'get-map': answer }).result).toMatchObject({
        kind: 'failed',
        reason: 'interrupted',
      });
    }
  });

  it('takes frames of no octets, or of more than there are, is sent frames within bounds', () => {
    for (const frameBytesMax of [0, 1, 63, 0xffff]) {
      const { result, host } = run({ offer: acceptWith({ frameBytesMax }) });
      expect(result).toMatchObject({ kind: 'failed', reason: 'too-noisy' });
      expect(host.state.stats.dataFrames).toBeGreaterThan(0);
      expect(host.longestBytes).toBeLessThanOrEqual(FRAME_PAYLOAD_BYTES_MAX + 24);
    }
  });

  it('gives all the credit there is is sent no more at once than the window', () => {
    const large = modelImage({ bytes: 256 * 600 });
    const host = new LonelyHost(
      planOf({ image: large }),
      until({ offer: acceptWith({ manifestDigest: large.manifestDigest, creditBlocks: 0xffffffff }) }),
    );
    host.world.run(100);
    expect(host.state.stats.sentBytes).toBeLessThanOrEqual(65_536);
    expect(host.state.stats.sentBytes).toBeGreaterThan(60_000);
  });

  it('gives no credit is asked for it, and left when none comes', () => {
    const { result, host } = run({
      offer: acceptWith({ creditBlocks: 0 }),
      ping: () => ({ ...sackNothing, creditBlocks: 0 }),
    });
    expect(result).toMatchObject({ kind: 'failed', reason: 'too-noisy' });
    expect(host.state.stats.dataFrames).toBe(0);
    expect(host.sent).toBeGreaterThan(10);
  });

  it('finds every signature bad, again and again, costs no memory and is left', () => {
    const nacks = Array.from(
      { length: 40 },
      (_, i) => ({ kind: 'nack', cause: 'signature', block: i % 12, offsetBytes: i, lengthBytes: 100 }) as const,
    );
    const host = new LonelyHost(
      planOf({ image }),
      until({
        ping: () => sackNothing,
        data: ({ sequence }) => (sequence < 100 ? nacks : []),
      }),
    );
    expect(host.run()).toMatchObject({
      kind: 'failed',
      reason: 'not-authentic',
      detail: 'the meter finds the signature of block 0 bad; it was sent 3 times',
    });
    expect(host.world.nowMs).toBeLessThan(1_000);
    expect(host.sent).toBeLessThan(150);
  });

  it('finds a signature bad twice, and then not, is given the image', () => {
    const bad = { kind: 'nack', cause: 'signature', block: 3, offsetBytes: 0, lengthBytes: 320 } as const;
    let nacks = 0;
    const host = new LonelyHost(
      planOf({ image }),
      until({
        ping: () => sackNothing,
        data: ({ message }) => {
          if (message.kind !== 'data' || message.block !== 3) return [];
          return nacks++ < 2 ? bad : allDurable;
        },
      }),
    );
    host.world.run(1_000);
    expect(nacks).toBe(3);
    expect(host.state.phase).toMatchObject({ kind: 'asking', request: { message: { kind: 'seal' } } });
  });

  it('speaks without end and makes nothing durable is left after a minute', () => {
    const host = new LonelyHost(planOf({ image }), until({}));
    chatter(host, 100, () => ({ sessionTag: 7, sequence: 0, message: sackNothing }));
    expect(host.run()).toMatchObject({ kind: 'failed', reason: 'too-noisy' });
    expect(host.world.nowMs).toBeLessThan(61_000);
  });

  it('is busy without end, now and then with another word, is left after ten minutes', () => {
    const words = [busy(100)(), { kind: 'alert', alertCode: 1, timestampS: 0, payload: new Uint8Array(0) } as const];
    for (const message of [...words, sackNothing]) {
      const host = new LonelyHost(planOf({ image }), until({ offer: busy(4_000) }));
      let said = 0;
      chatter(host, 40, () => ({ sessionTag: 7, sequence: 2, message: said++ % 2 === 0 ? words[0]! : message }));
      expect(host.run()).toMatchObject({ kind: 'failed', reason: 'interrupted' });
      expect(host.world.nowMs).toBeLessThan(601_000);
    }
  });

  it('acknowledges 40,000 blocks and makes none durable is sent no more than the largest window', () => {
    const many = modelImage({ bytes: 256 * 40_000 });
    let highest = 0;
    const host = new LonelyHost(
      planOf({ image: many }),
      until({
        offer: acceptWith({ manifestDigest: many.manifestDigest, creditBlocks: 0xffffffff }),
        ping: () => ({ ...sackNothing, highest, bitmap: new Uint8Array(8).fill(0xff), creditBlocks: 0xffffffff }),
        data: ({ sequence }) => {
          highest = Math.max(highest, sequence);
          return { ...sackNothing, highest, bitmap: new Uint8Array(8).fill(0xff), creditBlocks: 0xffffffff };
        },
      }),
    );
    host.world.run(30_000);
    const { phase } = host.state;
    if (phase.kind !== 'sending') throw new Error(phase.kind);
    expect(phase.transfer.open.length).toBe(256);
    expect(phase.transfer.openedCount).toBe(256);
    expect(phase.transfer.repairs.length).toBeLessThanOrEqual(256);
    expect(host.run()).toMatchObject({ kind: 'failed', reason: 'too-noisy' });
  });

  it('is another meter than was meant, or becomes one, is not spoken to any more', () => {
    const stranger = { deviceId: new Uint8Array(8) };
    const { result, host } = run(
      { hello: ({ message }) => hello(message.kind === 'hello' ? message.nonce : DEVICE_ID, stranger) },
      { deviceId: DEVICE_ID },
    );
    expect(result).toMatchObject({ kind: 'failed', reason: 'device-changed' });
    expect(host.sent).toBe(1);
    let hellos = 0;
    const changing = run({
      hello: ({ message }) =>
        hello(message.kind === 'hello' ? message.nonce : DEVICE_ID, hellos++ === 0 ? {} : stranger),
      ping: () => ({ kind: 'refuse', code: REFUSAL_CODES.noSession, requestType: 3, detail: 0 }),
    });
    expect(changing.result).toMatchObject({ kind: 'failed', reason: 'device-changed' });
  });

  it('repeats an old HELLO, or an ACCEPT for another offer, is not listened to', () => {
    expect(run({ hello: () => hello(new Uint8Array(8)) }).result).toMatchObject({
      kind: 'failed',
      reason: 'interrupted',
    });
    expect(run({ offer: acceptWith({ offerNonce: 1 }) }).result).toMatchObject({
      kind: 'failed',
      reason: 'interrupted',
    });
    expect(run({ offer: acceptWith({ manifestDigest: new Uint8Array(32) }) }).result).toMatchObject({
      kind: 'failed',
      reason: 'interrupted',
    });
  });

  it('says nonsense of any kind is survived, and left in bounded time', () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(fc.integer(), fc.boolean(), (seed, activates) => {
        const chance = chanceOf(seed);
        const u32 = (): number => (chance() < 0.7 ? below(chance, 20) : below(chance, 2 ** 32));
        const any: (() => MeterMessage)[] = [
          () => ({
            ...sackNothing,
            highest: u32(),
            bitmap: randomOctets(chance, 8),
            creditBlocks: u32(),
            durableFrom: 8 * below(chance, 3),
            durable: randomOctets(chance, below(chance, 3)),
            ranges: [{ block: below(chance, 14), offsetBytes: u32(), lengthBytes: u32() }],
            receivedBytes: u32(),
          }),
          () => ({
            kind: 'nack',
            cause: chance() < 0.5 ? 'spoilt' : 'signature',
            block: below(chance, 14),
            offsetBytes: u32(),
            lengthBytes: u32(),
          }),
          () => ({
            kind: 'map',
            firstBlock: 8 * below(chance, 3),
            count: below(chance, 20),
            bitmap: randomOctets(chance, 3),
          }),
          () => ({ kind: 'busy', cause: 'writing', etaMs: u32() }),
          () => ({ kind: 'refuse', code: chance() < 0.5 ? 21 : 22, requestType: 1, detail: u32() }),
          () => ({
            kind: 'state',
            phase: 'empty',
            durableCount: 0,
            blockCount: 0,
            manifestDigest: new Uint8Array(32),
            bootEpoch: u32(),
            runningVersion: u32(),
          }),
          () => ({ kind: 'alert', alertCode: u32() & 0xffff, timestampS: u32(), payload: randomOctets(chance, 5) }),
          () => ({ kind: 'sealed', outcome: randomOctets(chance, 208) }),
          () => ({ kind: 'outcome', outcome: randomOctets(chance, 208) }),
        ];
        const sane = until({ ping: () => ({ ...allDurable, durableFrom: chance() < 0.1 ? 16 : 0 }) });
        const host = new LonelyHost(
          planOf({ image, ...(activates ? { authorisation: authorisationFor(image) } : {}) }),
          (said, me) => {
            if (chance() < 0.5) return sane(said, me);
            const sequence = chance() < 0.8 ? said.sequence : u32();
            return [{ sessionTag: chance() < 0.8 ? 7 : u32(), sequence, message: any[below(chance, any.length)]!() }];
          },
        );
        const result = host.run();
        expect(host.longestBytes).toBeLessThanOrEqual(FRAME_PAYLOAD_BYTES_MAX + 24);
        kinds.add(result.kind === 'done' ? result.what : result.reason);
        expect(result.kind).toBe('failed');
      }),
      { numRuns: 150 },
    );
    expect(kinds.size).toBeGreaterThan(1);
  });
});

describe('a host believes', () => {
  const nonceOf = (message: HostMessage): Uint8Array => ('nonce' in message ? message.nonce : new Uint8Array(8));
  const outcome = (given: Partial<Outcome>): Outcome => ({
    kind: 'seal',
    code: 'success',
    deviceId: DEVICE_ID,
    imageHash: image.imageHash,
    manifestDigest: image.manifestDigest,
    runningHash: new Uint8Array(32),
    runningVersion: 1,
    securityCounter: 1,
    originatorCounter: 0n,
    bootEpoch: 1,
    nonce: new Uint8Array(8),
    octets: new Uint8Array(208),
    ...given,
  });
  const run = (
    seal: Partial<Outcome> | undefined,
    activation: Partial<Outcome> | undefined,
    plan: Partial<SenderPlan> = {},
    attested = true,
    offer?: (envelope: Envelope<HostMessage>) => MeterMessage,
  ): SenderResult => {
    const signed =
      (given: Partial<Outcome> | undefined, kind: 'sealed' | 'outcome') =>
      ({ message }: Envelope<HostMessage>, host: LonelyHost): MeterMessage => {
        host.attested = attested;
        host.outcome = given === undefined ? undefined : outcome({ nonce: nonceOf(message), ...given });
        return { kind, outcome: new Uint8Array(208) };
      };
    return new LonelyHost(
      planOf({ image, ...plan }),
      until({
        ...(offer === undefined ? {} : { offer }),
        ping: () => allDurable,
        seal: signed(seal, 'sealed'),
        activate: signed(activation && { kind: 'activation', originatorCounter: 5n, ...activation }, 'outcome'),
        'read-version': signed(activation && { kind: 'version', ...activation }, 'outcome'),
      }),
    ).run();
  };
  const authorisation = authorisationFor(image);
  const runs = { runningHash: image.imageHash };

  it('a success with its nonce, from the meter it meant, about the image it sent', () => {
    expect(run({}, {})).toMatchObject({ kind: 'done', what: 'sealed', attested: true });
    expect(run({}, runs, { authorisation })).toMatchObject({ kind: 'done', what: 'activated' });
    expect(run({}, {}, { image: undefined })).toMatchObject({ kind: 'done', what: 'version-read' });
    expect(run({}, {}, {}, false)).toMatchObject({ kind: 'done', attested: false });
  });

  it('no outcome whose signature does not hold', () => {
    expect(run(undefined, {})).toMatchObject({ kind: 'failed', reason: 'not-authentic' });
    expect(run({}, undefined, { authorisation })).toMatchObject({ kind: 'failed', reason: 'not-authentic' });
  });

  it('no success of another meter, another image, another nonce or another question', () => {
    expect(run({ deviceId: new Uint8Array(8) }, {})).toMatchObject({ reason: 'device-changed' });
    expect(run({ imageHash: new Uint8Array(32) }, {})).toMatchObject({ reason: 'verify-failed' });
    expect(run({}, { runningHash: new Uint8Array(32) }, { authorisation })).toMatchObject({
      reason: 'activation-failed',
    });
    expect(run({ nonce: new Uint8Array(8) }, {})).toMatchObject({ reason: 'interrupted' });
    expect(run({ kind: 'version' }, {})).toMatchObject({ reason: 'interrupted' });
  });

  it('no success of an activation that is not the one authorised, with and without an image at hand', () => {
    const other = new Uint8Array(32);
    for (const withImage of [{}, { image: undefined }]) {
      const plan = { authorisation, ...withImage };
      expect(run({}, runs, plan)).toMatchObject({ kind: 'done', what: 'activated' });
      for (const wrong of [
        { runningHash: other },
        { imageHash: other },
        { manifestDigest: other },
        { originatorCounter: 6n },
      ]) {
        expect(run({}, { ...runs, ...wrong }, plan), Object.keys(wrong)[0]).toMatchObject({
          kind: 'failed',
          reason: 'activation-failed',
        });
      }
    }
  });

  it('a meter that holds nothing any more only when it has asked anew: the run before may have activated the image', () => {
    for (const plan of [{}, { authorisation }]) {
      let offers = 0;
      const answers = [acceptWith({}), acceptWith({ status: 'running' })];
      const result = run({ code: 'noImageHeld' }, runs, plan, true, (envelope) => answers[offers++]!(envelope));
      expect(result).toMatchObject({ kind: 'done', what: 'already-running', outcome: runs });
      expect(offers).toBe(2);
    }
  });

  it('*finished* reported for *failed*: every code but success is a failure, each with its reason', () => {
    for (const code of ['hashMismatch', 'notAuthentic', 'noImageHeld'] as const)
      expect(run({ code }, {})).toMatchObject({ reason: 'verify-failed', outcome: { code } });
    for (const code of ['hashMismatch', 'noImageHeld'] as const) {
      expect(run({}, { code }, { authorisation })).toMatchObject({ reason: 'activation-failed', outcome: { code } });
    }
    expect(run({}, { code: 'activationFailure' }, { authorisation })).toMatchObject({ reason: 'reverted' });
  });
});
