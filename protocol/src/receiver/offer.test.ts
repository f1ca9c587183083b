/** Goal: whatever can be said against an image is said before its first block, in the order of SPEC.md §10.6, and costs no write. */
import { describe, expect, it } from 'vitest';
import { DAY_MS, ERASES_PER_DAY_MAX } from '../limits.js';
import type { Offer } from '../message/host-messages.js';
import { REFUSAL_CODES, refusalOf, type Refusal } from '../refusal.js';
import type { DeviceFacts } from './receiver-types.js';
import { BenchReceiver, offerOf } from '../test-support/bench-receiver.test-support.js';
import { strangeKeys } from '../test-support/model-crypto.test-support.js';
import { modelImage, type ImageChoice, type ModelImage } from '../test-support/model-image.test-support.js';
import { windowBlocksOf } from './offer.js';

interface Objection {
  readonly refusal: Refusal;
  readonly detail?: number;
  readonly image?: ImageChoice;
  readonly device?: Partial<DeviceFacts>;
  readonly strange?: boolean;
  /** Octets changed after signing. */
  readonly spoil?: (offer: Offer) => Offer;
}

const withOctet = (octets: Uint8Array, at: number, octet: number): Uint8Array =>
  octets.with(at < 0 ? octets.length + at : at, octet);
const manifest =
  (at: number, octet: number) =>
  (offer: Offer): Offer => ({ ...offer, manifest: withOctet(offer.manifest, at, octet) });

/** A TLV of type 8001, critical and unknown, as the first one, over the label that stood there. */
const critical = (offer: Offer): Offer => ({ ...offer, manifest: withOctet(offer.manifest, 125, 0x80) });

// In the order in which they are met; each object of the test has this fault and every one after it.
const OBJECTIONS: readonly Objection[] = [
  { refusal: 'malformed', spoil: manifest(0, 0) },
  { refusal: 'unsupportedVersion', spoil: manifest(4, 2) },
  { refusal: 'malformed', spoil: manifest(7, 0xff) },
  { refusal: 'unsupportedProfile', spoil: manifest(8, 2) },
  { refusal: 'unsupportedEncoding', spoil: manifest(9, 1) },
  { refusal: 'malformed', spoil: manifest(11, 1) },
  { refusal: 'unknownCriticalField', spoil: critical },
  { refusal: 'unknownKey', strange: true },
  {
    refusal: 'badSignature',
    spoil: (offer) => ({ ...offer, manifest: withOctet(offer.manifest, -1, offer.manifest.at(-1)! ^ 1) }),
  },
  { refusal: 'otaHeaderMismatch', spoil: (offer) => ({ ...offer, otaHeader: withOctet(offer.otaHeader, 20, 1) }) },
  { refusal: 'wrongDeviceClass', image: { deviceClass: 2 } },
  { refusal: 'wrongManufacturer', image: { manufacturerCode: 0x1111 } },
  { refusal: 'wrongImageType', image: { imageType: 9 } },
  { refusal: 'wrongHardware', image: { hardwareMin: 0x1151, hardwareMax: 0x1160 } },
  { refusal: 'counterTooLow', detail: 3, image: { securityCounter: 2 } },
  { refusal: 'counterUsed', image: { securityCounter: 3 } },
  { refusal: 'versionNotApplicable', detail: 0x10000, image: { applicableFromMin: 0x10001 } },
  { refusal: 'imageTooLarge', detail: 2_499, device: { slotBytes: 2_499 } },
  { refusal: 'geometryUnsupported', device: { blockShiftMin: 9 } },
];

function benchWith(objections: readonly Objection[]): { bench: BenchReceiver; offer: Offer; image: ModelImage } {
  // The first object of the list wins where two change the same field.
  const choice: ImageChoice = Object.assign({}, ...objections.map(({ image }) => image).toReversed());
  const device: Partial<DeviceFacts> = Object.assign({}, ...objections.map((objection) => objection.device));
  const image = modelImage(
    { label: 'a label', ...choice },
    objections.some(({ strange }) => strange) ? strangeKeys : undefined,
  );
  const offer = objections.reduceRight((spoilt, { spoil }) => spoil?.(spoilt) ?? spoilt, offerOf(image));
  return { bench: new BenchReceiver({ device, images: [image] }), offer, image };
}

describe('an offer that must be refused', () => {
  it.each(OBJECTIONS.map((objection, at) => ({ ...objection, at })))(
    'is refused with $refusal (objection $at) before all that comes later',
    ({ at, refusal, detail }) => {
      const { bench, offer } = benchWith(OBJECTIONS.slice(at));
      const writes = bench.meter.writes;
      const word = bench.last(offer);
      expect(word).toMatchObject({ kind: 'refuse', requestType: 2 });
      expect(word?.kind === 'refuse' && refusalOf(word.code)).toBe(refusal);
      if (detail !== undefined) expect(word).toMatchObject({ detail });
      expect(bench.meter.writes, 'nothing was written').toBe(writes);
      expect(bench.meter.state.activity).toEqual({ kind: 'idle' });
    },
  );

  it('provider left dirty after a refusal: the next good offer is taken as if nothing had been', () => {
    const good = modelImage({ seed: 9 });
    for (const [at] of OBJECTIONS.entries()) {
      const { bench, offer } = benchWith(OBJECTIONS.slice(at));
      if (bench.options.device.slotBytes !== undefined || bench.options.device.blockShiftMin !== undefined) continue;
      bench.ask(offer);
      expect(bench.offer(good)).toMatchObject({ kind: 'accept', status: 'send', durableCount: 0 });
    }
    const { bench, offer } = benchWith([]);
    expect(bench.last(offer)).toMatchObject({ kind: 'accept' });
  });

  it('names block count and size as geometry', () => {
    const image = modelImage();
    expect(new BenchReceiver({ device: { blockCountMax: 9 } }).offer(image)).toMatchObject({
      code: REFUSAL_CODES.geometryUnsupported,
      detail: 9,
    });
    expect(new BenchReceiver({ device: { blockShiftMax: 7 } }).offer(image)).toMatchObject({
      code: REFUSAL_CODES.geometryUnsupported,
      detail: 7,
    });
  });

  it('is malformed when it is cut, whatever is left of it', () => {
    const image = modelImage();
    const bench = new BenchReceiver();
    const cut = offerOf(image, { manifest: image.manifest.octets.subarray(0, 100) });
    expect(bench.last(cut)).toMatchObject({ kind: 'refuse', code: REFUSAL_CODES.malformed });
    const long = offerOf(image, { manifest: Uint8Array.of(...image.manifest.octets, 0) });
    expect(bench.last(long)).toMatchObject({ kind: 'refuse', code: REFUSAL_CODES.malformed });
  });
});

describe('an offer beside a held image', () => {
  const held = modelImage();
  const other = modelImage({ seed: 2, securityCounter: 8 });
  const images = [held, other];

  it('a duplicate offer wipes the map: it does not, and costs no write', () => {
    const bench = new BenchReceiver({ images });
    bench.offer(held);
    bench.send(held, [0, 1, 2, 3]);
    const { writes } = bench.meter;
    for (const offerNonce of [1, 2, 3, 2])
      expect(bench.offer(held, { offerNonce, replace: true })).toMatchObject({ durableCount: 4, status: 'send' });
    expect(bench.meter.writes).toBe(writes);
  });

  it('of another image is refused, and drops it only with replace', () => {
    const bench = new BenchReceiver({ images });
    bench.offer(held);
    bench.send(held, [0, 1]);
    expect(bench.offer(other)).toMatchObject({ code: REFUSAL_CODES.otherImageHeld });
    expect(bench.last({ kind: 'get-state' })).toMatchObject({ durableCount: 2, manifestDigest: held.manifestDigest });
    expect(bench.offer(other, { replace: true })).toMatchObject({ kind: 'accept', durableCount: 0 });
    expect(bench.last({ kind: 'get-state' })).toMatchObject({ durableCount: 0, manifestDigest: other.manifestDigest });
  });

  it('that is refused leaves the session as it was', () => {
    const bench = new BenchReceiver({ images });
    bench.offer(held);
    bench.send(held, [0, 1]);
    bench.last(offerOf(other, { offerNonce: 9 }));
    bench.send(held, [2, 3]);
    expect(bench.last({ kind: 'ping' })).toMatchObject({ kind: 'sack', durableCount: 4 });
  });

  it('"in progress" stuck after a failure: blocks whose check ends while another offer is checked are not forgotten', () => {
    const bench = new BenchReceiver({ images });
    bench.offer(held);
    const frame = { kind: 'data', block: 0, offsetBytes: 0, octets: held.blocks[0]! } as const;
    bench.say(frame);
    bench.say(offerOf(other, { offerNonce: 9 }));
    bench.settle();
    expect(bench.last({ kind: 'ping' })).toMatchObject({ kind: 'sack', durableCount: 1 });
  });

  it('replacing a sealed image says so, and stale offset after erase: the first image begins again at nothing', () => {
    const bench = new BenchReceiver({ images });
    bench.stage(held);
    expect(bench.offer(other, { replace: true })).toMatchObject({ kind: 'accept' });
    expect(bench.meter.alerts).toEqual([0x8f72, 0x8f67]);
    expect(bench.offer(held, { replace: true, offerNonce: 5 })).toMatchObject({
      kind: 'accept',
      status: 'send',
      durableCount: 0,
    });
  });

  it('that is sealed already, or runs already, has nothing sent', () => {
    const bench = new BenchReceiver({ images });
    bench.stage(held);
    expect(bench.offer(held, { offerNonce: 3 })).toMatchObject({
      kind: 'accept',
      status: 'sealed',
      creditBlocks: 0,
      durableCount: 10,
    });
    const running = new BenchReceiver({ device: { runningHash: held.imageHash, securityCounter: 7 } });
    expect(running.offer(held)).toMatchObject({ kind: 'accept', status: 'running', creditBlocks: 0 });
    expect(running.meter.writes).toBe(1);
  });

  it('with another GBCS signature is another image: the one who holds it can neither spoil nor wipe what is held', () => {
    const bench = new BenchReceiver({ images });
    bench.offer(held);
    bench.send(held, [0, 1]);
    const forged = { gbcsSignature: new Uint8Array(64).fill(1) };
    expect(bench.offer(held, { ...forged, offerNonce: 4 })).toMatchObject({ code: REFUSAL_CODES.otherImageHeld });
    expect(bench.last({ kind: 'get-state' })).toMatchObject({ durableCount: 2 });
  });

  it('is refused when the day has seen too many preparations, until the day is over', () => {
    const bench = new BenchReceiver({ images });
    for (let i = 0; i < ERASES_PER_DAY_MAX; i++) {
      expect(bench.offer(i % 2 === 0 ? held : other, { replace: true, offerNonce: i })).toMatchObject({
        kind: 'accept',
      });
    }
    expect(bench.offer(held, { replace: true, offerNonce: 99 })).toMatchObject({
      code: REFUSAL_CODES.eraseBudgetSpent,
    });
    expect(bench.offer(other, { offerNonce: 100 })).toMatchObject({ kind: 'accept' });
    bench.settle(DAY_MS);
    expect(bench.offer(held, { replace: true, offerNonce: 101 })).toMatchObject({ kind: 'accept' });
  });

  it('is answered storageFailed when flash cannot be made ready, and the next one is taken', () => {
    let broken = true;
    const bench = new BenchReceiver({ images, fails: (kind) => kind === 'prepare' && broken });
    expect(bench.offer(held)).toMatchObject({ kind: 'refuse', code: REFUSAL_CODES.storageFailed });
    broken = false;
    expect(bench.offer(held)).toMatchObject({ kind: 'accept' });
  });

  it('in fallback or recovery may be the very image that rotted', () => {
    const device = { runningHash: held.imageHash, securityCounter: 7 };
    expect(new BenchReceiver({ device: { ...device, mode: 'fallback' } }).offer(held)).toMatchObject({
      status: 'send',
    });
    expect(new BenchReceiver({ device: { ...device, mode: 'recovery' } }).offer(held)).toMatchObject({
      status: 'send',
    });
    const later = modelImage({ applicableFromMin: 0x10001 });
    expect(new BenchReceiver({ device: { ...device, mode: 'fallback' } }).offer(later)).toMatchObject({
      code: REFUSAL_CODES.versionNotApplicable,
    });
    expect(new BenchReceiver({ device: { ...device, mode: 'recovery' } }).offer(later)).toMatchObject({
      status: 'send',
    });
  });
});

describe('a session', () => {
  const image = modelImage();

  it('has a tag that is not 0 and not that of the session before it', () => {
    const bench = new BenchReceiver({ images: [image] });
    const tags = [1, 2, 2, 1].map((offerNonce) => {
      bench.last({ kind: 'abort', reason: 0 });
      bench.offer(image, { offerNonce });
      return bench.sessionTag;
    });
    expect(tags).not.toContain(0);
    for (const [i, tag] of tags.entries()) expect(tag).not.toBe(tags[i - 1]);
  });

  it('has a window of two blocks at least', () => {
    const device = new BenchReceiver().meter.device();
    expect(windowBlocksOf({ ...device, windowBytes: 65_536 }, 12)).toBe(16);
    expect(windowBlocksOf({ ...device, windowBytes: 65_536 }, 16)).toBe(2);
    expect(windowBlocksOf({ ...device, windowBytes: 10_240_000 }, 8)).toBe(256);
  });
});
