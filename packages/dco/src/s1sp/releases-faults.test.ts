/**
 * Goal: a release ends as it should when disks are full or rot, keys go, and the process dies at any file operation.
 * Method: as in releases.test.ts, with faults injected into the file port.
 */
import { memoryFiles } from '@smets1/journal';
import type { MemoryFiles } from '@smets1/journal';
import { countersign } from '@smets1/protocol';
import { describe, expect, it } from 'vitest';
import { authorisationFor, benchImage, deviceId, requestId, run, trust, until } from '../bench.test-support.js';
import type { ControlPort } from '../control-port.js';
import { DcoError } from '../error.js';
import { fakeMeter } from '../fake-meter.test-support.js';
import { answered, entries, image, start } from '../release-bench.test-support.js';

describe('a disk that is full', () => {
  it('makes releases wait where they are, and they go on when there is space', async () => {
    const meters = Array.from({ length: 8 }, (_, i) => fakeMeter(i));
    const bench = await start({ meters, segmentBytes: 16 * 1024 });
    bench.world.setCapacity(0);
    const admitted: number[] = [];
    for (let i = 0; i < 8; i += 1) {
      const answer = await bench.activate(i, i + 1).catch((error: unknown) => error);
      if (!(answer instanceof DcoError)) admitted.push(i);
      else expect(answer.code).toBe('storage-full');
    }
    await until(() => bench.releases.busyCount === 0, 'all waiting');
    expect(bench.events.map(({ stage: one }) => one)).toContain('storage-waiting');
    expect(admitted.length).toBeGreaterThan(0);
    bench.world.setCapacity(Number.POSITIVE_INFINITY);
    bench.clock.turnTo(bench.clock.nowMs() + 1000);
    for (const i of admitted) await answered(bench, i + 1);
    for (const i of admitted) {
      expect(entries(bench, i + 1)).toEqual(['response success']);
      expect(meters[i]!.activations).toBe(1);
    }
  });
});

describe('a crash', () => {
  it('of the process at any file operation of a release is continued to one activation and one response', async () => {
    const clean = await start();
    const before = clean.world.callCount();
    await clean.activate(1, 1);
    await answered(clean, 1);
    const calls = clean.world.callCount() - before;
    await clean.stop();
    expect(calls).toBeGreaterThan(8);
    for (let cut = 1; cut <= calls; cut += 1) {
      const first = await start({ world: memoryFiles({ seed: cut }), settings: { retryMsFirst: 1 } }).catch(
        () => undefined,
      );
      if (first === undefined) throw new Error('the start failed');
      const authorisation = authorisationFor(image, deviceId(1), 1);
      first.world.cutCall(cut);
      const admitted = await first.activate(1, 1, { authorisation }).catch(() => undefined);
      await until(() => first.releases.busyCount === 0, 'stopped at the cut');
      await first.stop().catch(() => undefined);
      first.world.crash('power');
      const again = await start({ world: first.world, clock: first.clock, meters: first.meters });
      if (admitted?.ok === true) expect(again.store.state.requests.has(requestId(10_001))).toBe(true);
      expect((await again.activate(1, 1, { authorisation })).ok).toBe(true);
      await answered(again, 1);
      expect(entries(again, 1)).toEqual(['response success']);
      expect(again.meters[0]!.activations).toBe(1);
      await again.stop();
    }
  });

  it('in mid-transfer is resumed where the meter was', async () => {
    const large = benchImage({ imageBytes: 120_000, blockShift: 12, partBytes: 60_000 });
    const first = await start({ images: [large] });
    await first.activate(1, 1, { image: large });
    await until(() => first.meters[0]!.storedBlocks >= 8, 'some blocks');
    await first.stop();
    first.world.crash('process');
    const storedBefore = first.meters[0]!.storedBlocks;
    expect(storedBefore).toBeLessThan(large.blockCount);
    const again = await start({ world: first.world, clock: first.clock, meters: first.meters, images: [] });
    await answered(again, 1);
    expect(entries(again, 1)).toEqual(['response success']);
    expect(again.meters[0]!.storedBlocks - storedBefore).toBeLessThan(large.blockCount);
  });
});

describe('a store that rots', () => {
  it('makes the control refuse for now, rather than end', async () => {
    const bench = await start();
    bench.world.damage('dco/journal-1/segment-0000000001.log', 600, 0x10);
    await bench.activate(1, 1);
    await until(() => bench.clock.ringing === 1, 'a pause');
    expect(entries(bench, 1)).toEqual([]);
    expect(bench.links.opened).toEqual([]);
  });
});

describe('an image whose manufacturer is not trusted any more', () => {
  it('is not sent', async () => {
    const bench = await start({ control: countersignAll, releaseTrust: { ...trust, manufacturer: trust.supplier } });
    await bench.activate(1, 1);
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response image-corrupt']);
    expect(bench.meters[0]!.storedBlocks).toBe(0);
  });
});

describe('an image that rots at rest', () => {
  it('is not sent', async () => {
    const bench = await start({ control: countersignAll });
    const { sequence } = bench.store.state.images.get(image.imageId)!.runs[0]!;
    const part = bench.store.readPart(sequence);
    const path = 'dco/journal-1/segment-0000000001.log';
    const at = offsetOf(bench.world, path, part);
    bench.world.damage(path, at + part.length - 10, 0x10);
    await bench.activate(1, 1);
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response image-corrupt']);
    expect(bench.meters[0]!.storedBlocks).toBe(0);
  });
});

/** A control that sees nothing wrong in anything. */
function countersignAll(): ControlPort {
  return {
    countersign: ({ authorisation }) => Promise.resolve({ ok: true, authorisation: run(countersign(authorisation)) }),
    revoke: () => Promise.resolve({ ok: true }),
    close: () => Promise.resolve(),
  };
}

function offsetOf(world: MemoryFiles, path: string, octets: Uint8Array): number {
  const file = world.files.open(path, 'read');
  const whole = Buffer.alloc(file.sizeBytes());
  file.readAt(whole, 0);
  return whole.indexOf(octets);
}
