/** Goal: staging is not activation; an authorisation has its effect once, and every answer says what is true now (SPEC.md §10.7, §10.8). */
import { describe, expect, it } from 'vitest';
import { decodeOutcome, verifyOutcome, type Outcome } from '../authorisation/outcome.js';
import { TRIAL_STARTS_MAX } from '../limits.js';
import type { MeterMessage } from '../message/meter-messages.js';
import { REFUSAL_CODES, refusalOf, type Refusal } from '../refusal.js';
import { startReceiver } from './receiver.js';
import { BenchReceiver, dataOf } from '../test-support/bench-receiver.test-support.js';
import { modelKeys, runModel, strangeKeys } from '../test-support/model-crypto.test-support.js';
import { authorisationFor, DEVICE_ID, modelImage } from '../test-support/model-image.test-support.js';

const image = modelImage();
const other = modelImage({ seed: 2, securityCounter: 8 });
const images = [image, other];
const nonce = (n: number): Uint8Array => new Uint8Array(8).fill(n);
const activate = (
  authorisation: Uint8Array,
  n = 1,
): { kind: 'activate'; authorisation: Uint8Array; nonce: Uint8Array } => ({
  kind: 'activate',
  authorisation,
  nonce: nonce(n),
});

function outcomeOf(word: MeterMessage | undefined): Outcome | undefined {
  if (word?.kind !== 'outcome' && word?.kind !== 'sealed') return undefined;
  const checked = runModel(verifyOutcome(word.outcome, modelKeys.device));
  return checked.ok ? checked.value : undefined;
}

function refusal(word: MeterMessage | undefined): Refusal | undefined {
  return word?.kind === 'refuse' ? refusalOf(word.code) : undefined;
}

function sealed(given: ConstructorParameters<typeof BenchReceiver>[0] = {}): BenchReceiver {
  const bench = new BenchReceiver({ images, ...given });
  bench.stage(image);
  return bench;
}

describe('SEAL', () => {
  const seal = { kind: 'seal', manifestDigest: image.manifestDigest, nonce: nonce(7) } as const;

  it('answers success for the whole image, signed, with the nonce, and again when asked again without another look at flash', () => {
    const bench = sealed();
    const first = outcomeOf(bench.last(seal));
    expect(first).toMatchObject({
      kind: 'seal',
      code: 'success',
      deviceId: DEVICE_ID,
      imageHash: image.imageHash,
      nonce: nonce(7),
    });
    expect(bench.meter.counts['seal-image']).toBe(1);
    expect(bench.meter.alerts).toEqual([0x8f72]);
  });

  it('wrong slot when the image number is absent: an image that is not named by its digest is not sealed', () => {
    const bench = sealed();
    expect(outcomeOf(bench.seal(other))).toMatchObject({
      code: 'noImageHeld',
      imageHash: new Uint8Array(32),
      manifestDigest: other.manifestDigest,
    });
    expect(outcomeOf(new BenchReceiver().seal(image))).toMatchObject({ code: 'noImageHeld' });
  });

  it('refuses an image with holes, and says how many', () => {
    const bench = new BenchReceiver({ images });
    bench.offer(image);
    bench.send(image, [0, 1, 2, 3]);
    expect(bench.seal(image)).toMatchObject({ code: REFUSAL_CODES.incomplete, detail: 6 });
  });

  it('*finished* reported for *failed*: an image that rotted in flash fails, is dropped, and fails again when asked again', () => {
    const bench = new BenchReceiver({ images });
    bench.offer(image);
    bench.send(
      image,
      image.blocks.map((_, block) => block),
    );
    bench.meter.promises.forget();
    bench.meter.flash.slot[100]! ^= 1;
    for (const _ of [1, 2]) expect(outcomeOf(bench.seal(image))).toMatchObject({ code: 'hashMismatch' });
    expect(bench.meter.alerts).toEqual([0x8f1c]);
    expect(bench.last({ kind: 'get-state' })).toMatchObject({ phase: 'empty' });
    expect(bench.offer(image, { offerNonce: 2 })).toMatchObject({ kind: 'accept', durableCount: 0 });
    expect(outcomeOf(bench.seal(other))).toMatchObject({ code: 'noImageHeld' });
  });

  it('says notAuthentic for an image whose GBCS signature does not hold', () => {
    const forged = { ...image, gbcsSignature: new Uint8Array(64).fill(3) };
    const bench = new BenchReceiver({ images });
    bench.offer(forged);
    bench.send(
      forged,
      image.blocks.map((_, block) => block),
    );
    expect(outcomeOf(bench.seal(forged))).toMatchObject({ code: 'notAuthentic', imageHash: image.imageHash });
    expect(bench.last({ kind: 'get-state' })).toMatchObject({ phase: 'empty' });
  });

  it('answers BUSY while it looks, and then what it found, once', () => {
    const bench = new BenchReceiver({ images, workMs: { 'seal-image': 60_000 } });
    bench.offer(image);
    bench.send(
      image,
      image.blocks.map((_, block) => block),
    );
    bench.say(seal);
    for (let i = 0; i < 5; i++) expect(bench.say(seal)).toMatchObject([{ kind: 'busy', cause: 'checking' }]);
    expect(bench.settle(61_000).filter(({ kind }) => kind === 'sealed')).toHaveLength(1);
  });
});

describe('ACTIVATE that must be refused', () => {
  const good = authorisationFor(image);
  const flipped = (at: number): Uint8Array => good.with(at, good[at]! ^ 1);

  it.each<[Refusal, Uint8Array]>([
    ['authorisationMalformed', flipped(0)],
    ['unsupportedVersion', good.with(4, 2)],
    ['authorisationMalformed', good.with(6, 1)],
    ['authorisationWrongDevice', authorisationFor(image, { deviceId: nonce(9) })],
    ['supplierSignatureBad', flipped(103)],
    ['supplierSignatureBad', authorisationFor(image, {}, strangeKeys)],
    ['countersignatureBad', flipped(231)],
    ['authorisationNotYetValid', authorisationFor(image, { notBeforeS: 1_700_000_100 })],
    ['authorisationExpired', authorisationFor(image, { notAfterS: 1_600_000_000 })],
  ])('is refused with %s, and nothing is written', (code, authorisation) => {
    const bench = sealed();
    const { writes } = bench.meter;
    expect(refusal(bench.last(activate(authorisation)))).toBe(code);
    expect(bench.meter.writes).toBe(writes);
    expect(bench.last({ kind: 'get-state' })).toMatchObject({ phase: 'sealed' });
    expect(bench.ask(activate(good)), 'and the good one is taken after it').toContainEqual(
      expect.objectContaining({ cause: 'activating' }),
    );
  });

  it('is checked in the order of the specification', () => {
    const worst = { deviceId: nonce(9), notBeforeS: 1_700_000_100, originatorCounter: 1n };
    const bench = sealed();
    bench.meter.give({ kind: 'heard', received: { kind: 'malformed', type: 6, sessionTag: 0, sequence: 3 } });
    expect(refusal(bench.heard.at(-1)?.message)).toBe('authorisationMalformed');
    expect(refusal(bench.last(activate(authorisationFor(image, worst, strangeKeys))))).toBe('authorisationWrongDevice');
    const { deviceId: _, ...late } = worst;
    expect(refusal(bench.last(activate(authorisationFor(image, late, strangeKeys))))).toBe('supplierSignatureBad');
    bench.ask(activate(authorisationFor(other, { originatorCounter: 4n })));
    expect(refusal(bench.last(activate(authorisationFor(image, late))))).toBe('originatorCounterUsed');
    expect(refusal(bench.last(activate(authorisationFor(image, { ...late, originatorCounter: 5n }))))).toBe(
      'authorisationNotYetValid',
    );
    bench.say(activate(authorisationFor(image, { originatorCounter: 6n })));
    bench.settle(10);
    const early = authorisationFor(image, { originatorCounter: 7n, notBeforeS: 1_700_000_100 });
    bench.say(activate(early));
    expect(refusal(bench.settle(10).at(-1))).toBe('authorisationNotYetValid');
    bench.say(activate(authorisationFor(image, { originatorCounter: 7n })));
    expect(refusal(bench.settle(10).at(-1))).toBe('trialRunning');
  });

  it('a lower counter is refused with the highest, and so is the same counter with other octets', () => {
    const bench = sealed();
    bench.ask(activate(authorisationFor(other, { originatorCounter: (1n << 32n) + 9n })));
    for (const originatorCounter of [1n, 9n, (1n << 32n) + 8n]) {
      expect(bench.last(activate(authorisationFor(image, { originatorCounter })))).toMatchObject({
        code: REFUSAL_CODES.originatorCounterUsed,
        detail: 9,
      });
    }
    const twin = authorisationFor(image, { originatorCounter: (1n << 32n) + 9n });
    expect(refusal(bench.last(activate(twin)))).toBe('originatorCounterUsed');
  });

  it('one counter serves one authorisation, also when two come before the first is stored', () => {
    const bench = sealed({ workMs: { 'store-counter': 500 } });
    bench.say(activate(authorisationFor(other, { originatorCounter: 9n })));
    bench.settle(10);
    expect(bench.ask(activate(authorisationFor(image, { originatorCounter: 9n })))).toMatchObject([
      { kind: 'busy' },
      { kind: 'outcome' },
    ]);
    expect(refusal(bench.last(activate(authorisationFor(image, { originatorCounter: 9n }))))).toBe(
      'originatorCounterUsed',
    );
    expect(bench.meter.counts['activate']).toBeUndefined();
  });
});

describe('ACTIVATE that is taken', () => {
  it('restarts into the new image, answers BUSY through the trial, and success only once it is confirmed', () => {
    const bench = sealed();
    const words = bench.say(activate(authorisationFor(image)));
    expect(words).toEqual([]);
    expect(bench.settle(10)).toMatchObject([{ kind: 'busy', cause: 'activating' }]);
    bench.settle(300);
    expect(bench.last(activate(authorisationFor(image), 2))).toMatchObject({ kind: 'busy', cause: 'trial' });
    expect(bench.meter.flash.running.securityCounter, 'the counter is burned at confirm').toBe(3);
    expect(outcomeOf(bench.last({ kind: 'read-version', nonce: nonce(3) }))).toMatchObject({
      runningVersion: 0x20001,
      securityCounter: 3,
    });
    bench.settle(1_000);
    const outcome = outcomeOf(bench.last(activate(authorisationFor(image), 4)));
    expect(outcome).toMatchObject({
      kind: 'activation',
      code: 'success',
      runningHash: image.imageHash,
      securityCounter: 7,
      originatorCounter: 5n,
      nonce: nonce(4),
    });
    expect(bench.last({ kind: 'get-state' })).toMatchObject({ phase: 'empty' });
  });

  it('a lost activation response leaves the record right: the same authorisation earns the stored outcome and no second effect', () => {
    const bench = sealed();
    bench.ask(activate(authorisationFor(image)));
    bench.settle(2_000);
    const { writes } = bench.meter;
    for (const n of [2, 3, 4])
      expect(outcomeOf(bench.last(activate(authorisationFor(image), n)))).toMatchObject({
        code: 'success',
        nonce: nonce(n),
      });
    bench.meter.cutPower();
    bench.settle(1_000);
    expect(outcomeOf(bench.last(activate(authorisationFor(image), 5)))).toMatchObject({
      code: 'success',
      nonce: nonce(5),
    });
    expect(bench.meter.writes).toBe(writes + 1);
    expect(bench.meter.counts['activate']).toBe(1);
  });

  it('of the image that runs already stores the counter and succeeds without a restart', () => {
    const bench = new BenchReceiver({ device: { runningHash: image.imageHash, securityCounter: 7 } });
    expect(outcomeOf(bench.last(activate(authorisationFor(image))))).toMatchObject({ code: 'success', bootEpoch: 1 });
    expect(bench.meter.flash.activation).toMatchObject({ originatorCounter: 5n, result: 'success' });
    expect(bench.meter.counts['boot']).toBe(1);
  });

  it('without a sealed image, or with another one, stores the counter and says why nothing happens', () => {
    const partly = new BenchReceiver({ images });
    partly.offer(image);
    partly.send(image, [0]);
    expect(outcomeOf(partly.last(activate(authorisationFor(image))))).toMatchObject({
      code: 'noImageHeld',
      imageHash: image.imageHash,
    });
    const bench = sealed();
    expect(outcomeOf(bench.last(activate(authorisationFor(other))))).toMatchObject({
      code: 'hashMismatch',
      manifestDigest: other.manifestDigest,
    });
    expect(bench.meter.flash.activation.originatorCounter).toBe(5n);
    const digest = authorisationFor(image, { originatorCounter: 6n, manifestDigest: other.manifestDigest });
    expect(outcomeOf(bench.last(activate(digest)))).toMatchObject({ code: 'hashMismatch' });
    expect(outcomeOf(bench.last(activate(authorisationFor(other))))).toBeUndefined();
  });

  it('reports a revert as activationFailure with the old version, again and again', () => {
    const bench = sealed({ neverConfirms: true });
    bench.ask(activate(authorisationFor(image)));
    bench.settle(10_000);
    for (const n of [2, 3]) {
      expect(outcomeOf(bench.last(activate(authorisationFor(image), n)))).toMatchObject({
        code: 'activationFailure',
        runningVersion: 0x10000,
        securityCounter: 3,
        nonce: nonce(n),
      });
    }
    expect(bench.meter.counts['boot']).toBe(TRIAL_STARTS_MAX + 2);
  });

  it('"in progress" stuck after a failure: a counter that flash refuses is a refusal, and the next try is free', () => {
    let broken = true;
    const bench = new BenchReceiver({ images, fails: (kind) => kind === 'store-counter' && broken });
    expect(refusal(bench.last(activate(authorisationFor(image))))).toBe('storageFailed');
    broken = false;
    expect(outcomeOf(bench.last(activate(authorisationFor(image))))).toMatchObject({ code: 'noImageHeld' });
  });
});

describe('a restart', () => {
  it('a simulated reset that kept a variable: after it the meter is what its flash says, and nothing else', () => {
    const bench = new BenchReceiver({ images });
    bench.offer(image);
    bench.send(image, [0, 1, 2, 3, 4]);
    bench.say(dataOf(image, 5, 0, 100));
    bench.meter.cutPower();
    bench.settle(1_000);
    const { flash } = bench.meter;
    const fresh = startReceiver(bench.meter.device(), bench.meter.recovered().held, flash.activation);
    expect(bench.meter.state).toEqual(fresh);
    expect(bench.meter.state.held?.map.durableCount).toBe(4);
    expect(bench.ask({ kind: 'ping' })).toMatchObject([{ kind: 'state', phase: 'receiving', durableCount: 4 }]);
  });

  it('in READ_VERSION answers are signed in every state and name the boot', () => {
    const bench = sealed();
    const word = bench.last({ kind: 'read-version', nonce: nonce(8) });
    expect(word?.kind === 'outcome' && decodeOutcome(word.outcome).ok).toBe(true);
    expect(outcomeOf(word)).toMatchObject({ kind: 'version', bootEpoch: 1, nonce: nonce(8), runningVersion: 0x10000 });
  });
});
