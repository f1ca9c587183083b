/**
 * Goal: an update comes to its end however short the power stays on: from one cut to the next the meter gets a few flash operations further, and no
 * share of its work is so long that its host takes it for dead.
 * Method: a host that begins again after each cut, over a meter whose power stays on for K flash operations; and flash that takes its time.
 */
import { describe, expect, it } from 'vitest';
import { createWorld, runMeterInWorld, runSenderInWorld, worldLink } from '@smets1/host';
import {
  decodeMeterMessage,
  encodeHostMessage,
  toHex,
  type MeterMessage,
  type SendableImage,
  type SenderEvent,
} from '@smets1/protocol';
import { IMAGE_OFFSET_BYTES, slotRegion } from './boot/slot.js';
import { PowerLost } from './errors.js';
import { manufacture, startEsme, type Esme } from './esme.js';
import { authorise, crypto, deliver, IDENTITY, makeImage, planOf, signer, slotImageOf } from './esme.test-support.js';
import type { FaultPlan } from './flash/fault-plan.js';
import type { FlashGeometry } from './flash/flash-port.js';
import { planLayout } from './flash/layout-plan.js';
import { createFlash, type NorFlash } from './flash/nor-flash.js';

const GEOMETRY: FlashGeometry = {
  sectorRuns: [{ count: 96, sectorBytes: 4096 }],
  granuleBytes: 16,
  granuleRewritable: true,
  erasedValue: 0xff,
};
const NEEDS = { imageBytesMax: 65_536, stagingBytes: 8192, profileDays: 4 };
const OLD = makeImage({ imageBytes: 3000, fileVersion: 1 });
const NEW = makeImage({ imageBytes: 50_000, fileVersion: 2 });
const NEW_SECTORS = 1 + Math.ceil(50_000 / 4096);

function factory(geometry: FlashGeometry): NorFlash {
  const flash = createFlash(planLayout(geometry, NEEDS));
  manufacture(flash, crypto, IDENTITY, slotImageOf(OLD));
  return flash;
}

function start(flash: NorFlash, nowMs: number): Esme {
  return startEsme({ flash, crypto, signer }, {}, nowMs);
}

/** One power on after the other, each cut by its plan, with a host that offers and goes on each time. */
function updateWith(
  flash: NorFlash,
  image: SendableImage,
  planAt: (cycle: number) => FaultPlan,
): { readonly cycles: number; readonly meter: Esme } {
  const plan = planOf(image, authorise(image, 1n));
  for (let cycle = 0; cycle < 300; cycle++) {
    flash.powerOn();
    flash.arm(planAt(cycle));
    try {
      const meter = start(flash, cycle * 60_000);
      const { result } = deliver(meter, plan, cycle * 60_000);
      flash.arm(undefined);
      if (result.kind !== 'done') throw new Error(JSON.stringify(result));
      return { cycles: cycle, meter };
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error;
    }
  }
  throw new Error('no end in 300 cycles');
}

function expectNew(flash: NorFlash, meter: Esme): void {
  const view = meter.view(1e9);
  expect(view).toMatchObject({ runningHash: toHex(NEW.manifest.imageHash), mode: 'confirmed', activeSlot: 1 });
  const { image } = slotImageOf(NEW);
  expect(slotRegion(flash, 1).read(IMAGE_OFFSET_BYTES, image.length)).toEqual(image);
}

describe.each<readonly [string, FlashGeometry]>([
  ['granules of 16 octets', GEOMETRY],
  [
    'granules of 8 octets that are programmed once',
    { ...GEOMETRY, granuleBytes: 8, granuleRewritable: false, erasedValue: 0x00 },
  ],
  ['single octets', { ...GEOMETRY, granuleBytes: 1 }],
])('power that comes back for a few operations only, on flash of %s', (_, geometry) => {
  const blank = factory(geometry);

  it.each([4, 5, 6, 7, 8, 9, 10, 11, 12])('is enough for a whole update, %i at a time', (operations) => {
    const flash = blank.fork();
    const { cycles, meter } = updateWith(flash, NEW, () => ({ cutAt: operations + 1, phase: 'before' }));
    expectNew(flash, meter);
    expect(cycles).toBeGreaterThan(20);
    expect(cycles).toBeLessThan(200);
  });
});

describe('a slot that takes long to erase', () => {
  const ERASE_MS = 60;
  const timings = { programUsPerGranule: 1, eraseUsPerSector: ERASE_MS * 1000, readNsPerByte: 1 };
  const slow: FlashGeometry = { ...GEOMETRY, sectorRuns: [{ count: 1024, sectorBytes: 4096 }], timings };
  const SECTORS = 440;
  const big = makeImage({ imageBytes: (SECTORS - 1) * 4096, fileVersion: 2, blockShift: 16 });
  const flash = createFlash(planLayout(slow));
  manufacture(flash, crypto, IDENTITY, slotImageOf(OLD));

  it('is waited for by the host, which hears BUSY meanwhile, and no share of it silences the meter for long', () => {
    const own = flash.fork();
    const meter = startEsme({ flash: own, crypto, signer }, {}, 0);
    let longestMs = 0;
    const timed = <T>(work: () => T): T => {
      const done = work();
      longestMs = Math.max(longestMs, meter.busyMs());
      return done;
    };
    const world = createWorld({ seed: 1 });
    const { a, b } = worldLink(world, { latencyMs: 1 });
    const port = {
      hear: (frame: Uint8Array, atMs: number) => timed(() => meter.hear(frame, atMs)),
      tick: (atMs: number) => timed(() => meter.tick(atMs)),
      wakeAtMs: () => meter.wakeAtMs(),
      busyMs: () => meter.busyMs(),
    };
    runMeterInWorld(world, port, b);
    const events: SenderEvent[] = [];
    const onEvent = (event: SenderEvent): void => void events.push(event);
    const sender = runSenderInWorld(world, { plan: planOf(big), end: a, crypto, onEvent });
    world.run({ until: () => events.some(({ kind }) => kind === 'accepted') || sender.result() !== undefined });
    expect(sender.result()).toBeUndefined();
    expect(world.now()).toBeGreaterThan(SECTORS * ERASE_MS);
    expect(world.now()).toBeLessThan(SECTORS * ERASE_MS * 1.2);
    expect(longestMs).toBeLessThan(500);
    expect(events.filter((event) => event.kind === 'busy' && event.cause === 'erasing').length).toBeGreaterThan(20);
    sender.kill();
  });

  it('answers the same offer with BUSY and another one with a refusal, and begins anew for that one after a cut', () => {
    const own = flash.fork();
    const meter = start(own, 0);
    const said = (octets: Uint8Array, atMs: number): readonly (MeterMessage | undefined)[] =>
      meter.hear(octets, atMs).map((frame) => {
        const received = decodeMeterMessage(frame);
        return received.kind === 'message' ? received.envelope.message : undefined;
      });
    expect(said(offerOf(big, 1), 0)).toEqual([]);
    expect(meter.wakeAtMs()).toBe(0);
    expect(said(offerOf(big, 2), 1)).toMatchObject([{ kind: 'busy', cause: 'erasing' }]);
    expect(said(offerOf(NEW, 3), 2)).toMatchObject([{ kind: 'refuse', code: 25 }]);
    meter.tick(3);
    expect(said(offerOf(big, 1), 4)).toMatchObject([{ kind: 'busy', cause: 'erasing' }]);
    expect(meter.view(5).held).toBeUndefined();
    // Nobody is there any more: the work goes on by itself, and the answer is that to the first request.
    let answers: readonly Uint8Array[] = [];
    let ticks = 0;
    for (; answers.length === 0 && ticks < SECTORS; ticks++) answers = meter.tick(6 + ticks);
    expect(ticks).toBeGreaterThan(50);
    expect(answers.map((frame) => decodeMeterMessage(frame))).toMatchObject([
      { kind: 'message', envelope: { sequence: 1, message: { kind: 'accept', status: 'send', durableCount: 0 } } },
    ]);

    const cut = flash.fork();
    const second = start(cut, 0);
    second.hear(offerOf(big, 1), 0);
    second.tick(1);
    const again = start(cut, 60_000);
    const done = deliver(again, planOf(NEW, authorise(NEW, 1n)), 60_000);
    expect(done.result).toMatchObject({ kind: 'done', what: 'activated' });
    const wear = (sector: number): number => cut.wear(slotStart(cut) + sector);
    expect([0, NEW_SECTORS - 1].map(wear)).toEqual([1, 1]);
    expect([SECTORS - 1, SECTORS - 9].map(wear)).toEqual([1, 0]);
  });
});

function offerOf({ manifest, otaHeader, gbcsSignature }: SendableImage, sequence: number): Uint8Array {
  const offer = {
    kind: 'offer',
    replace: false,
    offerNonce: 1,
    manifest: manifest.octets,
    otaHeader,
    gbcsSignature,
  } as const;
  return encodeHostMessage({ sessionTag: 0, sequence, message: offer });
}

function slotStart(flash: NorFlash): number {
  const { offsetBytes } = flash.layout.partitions.find(({ name }) => name === 'slot-1')!;
  return flash.sectors.find((sector) => sector.offsetBytes === offsetBytes)!.index;
}
