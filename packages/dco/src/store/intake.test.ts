/**
 * Goal: parts in any order, twice, late or spoilt come to one whole image, and to exactly one 11.1 response for each request, which is
 * there if and only if every block is.
 * Method: a store on the journal's file system in memory, which loses at a crash what nobody made durable.
 */
import { memoryFiles } from '@smets1/journal';
import type { MemoryFiles } from '@smets1/journal';
import { crc32, readContainer } from '@smets1/protocol';
import { demoKey } from '@smets1/host';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { benchImage, deviceId, foreignSigner, idOctets, requestId, trust } from '../bench.test-support.js';
import type { BenchImage } from '../bench.test-support.js';
import { DcoError } from '../error.js';
import { acknowledge, pull } from '../responses/pull.js';
import { takePart } from './intake.js';
import type { Intake } from './intake.js';
import { sweep } from './retention.js';
import { DEFAULT_SETTINGS } from './settings.js';
import type { StoreState } from './state.js';
import { readState } from './store.js';
import { DIRECTORY, codeOf, devices, image, open, responsesOf, thrownCode } from './intake-bench.test-support.js';
import type { Bench } from './intake-bench.test-support.js';

describe('parts of an image', () => {
  it('are held one by one and answered together, one response for the request of each', async () => {
    const { store, send } = open();
    expect(image.parts).toHaveLength(3);
    expect(await send(image.parts[2]!, 3)).toMatchObject({
      ok: true,
      value: { answered: false, heldBlocks: 2, blockCount: 6 },
    });
    expect(await send(image.parts[0]!, 1)).toMatchObject({ ok: true, value: { answered: false, heldBlocks: 4 } });
    expect(responsesOf(store.state)).toEqual([]);
    expect(await send(image.parts[1]!, 2)).toMatchObject({ ok: true, value: { answered: true, heldBlocks: 6 } });
    expect(responsesOf(store.state)).toEqual(['3 success', '1 success', '2 success']);
    expect(store.state.images.get(image.imageId)?.record.status).toBe('held');
  });

  it('are taken in any order, with repeats and spoilt copies between, and answered exactly when the last block is there', async () => {
    const three = [0, 1, 2];
    const arrivals = fc.array(
      fc.record({
        part: fc.constantFrom(...three),
        isSpoilt: fc.boolean(),
        at: fc.nat(),
        bit: fc.nat(7),
        isNewId: fc.boolean(),
      }),
      { maxLength: 14 },
    );
    await fc.assert(
      fc.asyncProperty(arrivals, async (list) => {
        const { store, send } = open();
        const taken = new Map<number, number>();
        const held = new Set<number>();
        let counter = 100;
        for (const { part, isSpoilt, at, bit, isNewId } of list) {
          const octets = image.parts[part]!.slice();
          if (isSpoilt) {
            octets[at % octets.length]! ^= 1 << bit;
            const before = store.state.requests.size;
            counter += 1;
            expect((await send(octets, counter)).ok).toBe(false);
            expect(store.state.requests.size).toBe(before);
            continue;
          }
          if (isNewId) counter += 1;
          const id = isNewId ? counter : part;
          expect(await send(octets, id)).toMatchObject({ ok: true, value: { repeated: taken.has(id) } });
          taken.set(id, part);
          held.add(part);
          const expected = held.size === 3 ? [...taken.keys()].map(String) : [];
          expect(
            pull(store.state, 0)
              .responses.map(({ requestId: text }) => text.split(':')[2] ?? '')
              .toSorted((a, b) => a.localeCompare(b)),
          ).toEqual(expected.toSorted((a, b) => a.localeCompare(b)));
        }
        await store.close();
      }),
      { numRuns: 60 },
    );
  });

  it('get the same answer under the same request id, and none under one that meant other octets', async () => {
    const { store, send } = open();
    await send(image.parts[0]!, 1);
    expect(await send(image.parts[0]!, 1)).toMatchObject({ ok: true, value: { repeated: true, answered: false } });
    expect(codeOf(await send(image.parts[1]!, 1))).toBe('request-id-reused');
    expect(codeOf(await send(image.parts[0]!, 1, devices.slice(1)))).toBe('request-id-reused');
    expect(store.state.requests.size).toBe(1);
  });

  it('must name the same devices, in whatever order, and none twice', async () => {
    const { send } = open();
    await send(image.parts[0]!, 1);
    expect(codeOf(await send(image.parts[1]!, 2, devices.slice(1)))).toBe('device-list-differs');
    expect(codeOf(await send(image.parts[1]!, 3, [...devices, devices[0]!]))).toBe('bad-request');
    expect(codeOf(await send(image.parts[1]!, 4, []))).toBe('too-many-devices');
    expect(codeOf(await send(image.parts[1]!, 5, devices.toReversed()))).toBe('ok');
  });

  it('may come again for other devices once the image is held, and are complete for those only with all parts', async () => {
    const { store, send } = open();
    for (const [i, part] of image.parts.entries()) await send(part, i);
    const heldBytes = store.state.heldBytes;
    const others = [idOctets(deviceId(9))];
    for (const [i, part] of image.parts.entries()) {
      expect(await send(part, 10 + i, others)).toMatchObject({ ok: true, value: { answered: i === 2 } });
    }
    expect(responsesOf(store.state)).toHaveLength(6);
    expect(store.state.heldBytes - heldBytes).toBe(8); // the list; blocks are held once
  });

  it('are answered at once when they come late, after the image is whole', async () => {
    const { store, send } = open();
    for (const [i, part] of image.parts.entries()) await send(part, i);
    expect(await send(image.parts[0]!, 20)).toMatchObject({ ok: true, value: { answered: true } });
    expect(responsesOf(store.state).at(-1)).toBe('20 success');
  });

  it('for devices that the inventory lacks are held, and each response says how many and which', async () => {
    const { store, send } = open();
    const strangers = Array.from({ length: 20 }, (_, i) => idOctets(deviceId(200 - i)));
    for (const [i, part] of image.parts.entries()) await send(part, i, [...devices, ...strangers]);
    const { responses } = pull(store.state, 0);
    expect(responses).toHaveLength(image.parts.length);
    for (const { code, message, image: told } of responses) {
      expect(code).toBe('success');
      expect(message).toContain(`the inventory lacks 20 of the 23 devices, the first is ${deviceId(181)}`);
      expect(told?.deviceCount).toBe(23);
      expect(told?.unknown?.deviceCount).toBe(20);
      expect(told?.unknown?.deviceIds).toEqual(Array.from({ length: 16 }, (_, i) => deviceId(181 + i)));
    }
    await send(image.parts[0]!, 90, devices);
    await send(image.parts[1]!, 91, devices);
    await send(image.parts[2]!, 92, devices);
    const [known] = pull(store.state, 3).responses;
    expect(known?.image).toEqual({ firmwareHash: expect.any(String), fileVersion: expect.any(Number), deviceCount: 3 });
    expect(known?.message).not.toContain('inventory');
  });

  it('that are no parts, or nobody trusts, are refused by the code of what is wrong', async () => {
    const { send } = open();
    expect(codeOf(await send(new Uint8Array(3), 1))).toBe('truncated');
    expect(codeOf(await send(image.package, 1))).toBe('unknownKind');
    const stranger: Intake['trust'] = { ...trust, manufacturer: [demoKey('device').publicKey] };
    const bench = open();
    const refused = await takePart(
      { ...bench.intake, trust: stranger },
      { requestId: requestId(1), devices, octets: image.parts[0]! },
    );
    expect(codeOf(refused)).toBe('unknownKey');
  });
});

describe('an image that is no good as a whole', () => {
  const unsigned = benchImage({ by: foreignSigner, seed: 3 });

  it('is answered as failed for each request when the last block comes, and nothing of it is kept', async () => {
    const { store, send } = open();
    for (const [i, part] of unsigned.parts.entries()) expect((await send(part, i)).ok).toBe(true);
    expect(responsesOf(store.state)).toEqual(['0 gbcs-signature', '1 gbcs-signature', '2 gbcs-signature']);
    expect(store.state.images.size).toBe(0);
    expect(store.state.heldBytes).toBe(0);
    // And again, by new requests: the old ones do not count for them.
    expect(await send(unsigned.parts[0]!, 10)).toMatchObject({ ok: true, value: { answered: false, heldBlocks: 2 } });
  });

  it('is not helped along by the parts of its first try, also after the journal was rewritten', async () => {
    const { world, store, send, intake } = open();
    for (const [i, part] of unsigned.parts.entries()) await send(part, i);
    await send(unsigned.parts[0]!, 10);
    await sweep(store, intake.settings, 2000);
    expect(world.files.list(DIRECTORY)).toContain('current-0000000002');
    await store.close();
    const again = open(world);
    expect(await again.send(unsigned.parts[2]!, 11)).toMatchObject({
      ok: true,
      value: { answered: false, heldBlocks: 4 },
    });
  });

  it('is saved by the one part that brought a GBCS signature that holds', async () => {
    const { store, send } = open();
    const spoilt = withGbcsSignature(image, 0, new Uint8Array(64).fill(9));
    await send(spoilt, 1);
    await send(image.parts[1]!, 2);
    await send(image.parts[2]!, 3);
    expect(responsesOf(store.state)).toEqual(['1 success', '2 success', '3 success']);
  });
});

describe('storage that is full', () => {
  it('refuses what is new, keeps what is there, and goes on when there is space', async () => {
    const world = memoryFiles({ seed: 1 });
    const large = benchImage({ imageBytes: 200_000, blockShift: 12, partBytes: 20_000 });
    const { store, send } = open(world);
    world.setCapacity(2 * 64 * 1024);
    let taken = 0;
    while ((await thrownCode(send(large.parts[taken]!, taken))) === 'nothing') taken += 1;
    expect(taken).toBeGreaterThan(2);
    expect(await thrownCode(send(large.parts[taken]!, taken))).toBe('storage-full');
    expect(store.state.requests.size).toBe(taken);
    expect(await send(large.parts[0]!, 0)).toMatchObject({ ok: true, value: { repeated: true } });
    world.setCapacity(Number.POSITIVE_INFINITY);
    for (let i = taken; i < large.parts.length; i += 1) expect((await send(large.parts[i]!, i)).ok).toBe(true);
    expect(responsesOf(store.state)).toHaveLength(large.parts.length);
  });

  it('by our own quota refuses what is new in the same way', async () => {
    const { store, send } = open(memoryFiles({ seed: 1 }), {
      heldBytesMax: image.parts[0]!.length + image.parts[1]!.length + 24,
    });
    expect((await send(image.parts[0]!, 0)).ok).toBe(true);
    expect((await send(image.parts[1]!, 1)).ok).toBe(true);
    expect(codeOf(await send(image.parts[2]!, 2))).toBe('quota-exceeded');
    expect(store.state.requests.size).toBe(2);
  });

  it('that broke takes nothing more until it is opened again', async () => {
    const { world, send } = open();
    world.failEvery('syncData', 'EIO');
    expect(await thrownCode(send(image.parts[0]!, 0))).toBe('storage-failed');
    world.failEvery('syncData');
    expect(await thrownCode(send(image.parts[0]!, 0))).toBe('storage-failed');
  });
});

/** What must hold of any state: all or nothing of the responses, by whether the blocks are there. */
function checkTruth(state: StoreState, acknowledged: ReadonlySet<number>): void {
  for (const counter of acknowledged)
    expect(state.requests.has(requestId(counter)), `request ${counter} was acknowledged`).toBe(true);
  const held = state.images.get(image.imageId);
  const answered = pull(state, 0).responses.map(({ requestId: id }) => id);
  const isWhole = held !== undefined && held.held.durableCount === held.manifest.blockCount;
  expect(answered.toSorted()).toEqual(isWhole ? [...state.requests.keys()].toSorted() : []);
}

describe('a crash', () => {
  it('at any file operation loses no acknowledged block, and responses are there if and only if all blocks are', async () => {
    const clean = open();
    const startedAt = clean.world.callCount();
    for (const [i, part] of image.parts.entries()) await clean.send(part, i);
    await clean.store.close();
    const calls = clean.world.callCount() - startedAt;
    expect(calls).toBeGreaterThan(5);
    let cutCount = 0;
    for (let seed = 1; seed <= 8; seed += 1) {
      for (let cut = 1; cut <= calls; cut += 1) {
        const world = memoryFiles({ seed: seed * 1000 + cut });
        const bench = open(world);
        world.cutCall(cut);
        const acknowledged = new Set<number>();
        for (const [i, part] of image.parts.entries()) {
          if ((await thrownCode(bench.send(part, i))) === 'nothing') acknowledged.add(i);
        }
        world.crash('power');
        const again = open(world);
        checkTruth(again.store.state, acknowledged);
        for (const [i, part] of image.parts.entries()) expect((await again.send(part, i)).ok).toBe(true);
        expect(responsesOf(again.store.state).toSorted()).toEqual(['0 success', '1 success', '2 success']);
        await again.store.close();
        cutCount += 1;
      }
    }
    expect(cutCount).toBe(8 * calls);
  });

  it('while a store is opened for the first time leaves one that opens', async () => {
    const clean = memoryFiles({ seed: 1 });
    await open(clean).store.close();
    const calls = clean.callCount();
    for (let cut = 1; cut <= calls; cut += 1) {
      const world = memoryFiles({ seed: cut });
      world.cutCall(cut);
      try {
        await open(world).store.close();
      } catch (error) {
        expect(error).toBeInstanceOf(DcoError);
      }
      world.crash('power');
      const again = open(world);
      expect((await again.send(image.parts[0]!, 0)).ok).toBe(true);
      await again.store.close();
    }
  });

  it('while the journal is rewritten leaves the same state, at any file operation', async () => {
    const other = benchImage({ seed: 5, imageBytes: 60_000, blockShift: 12 });
    const prepare = async (world: MemoryFiles): Promise<Bench> => {
      const bench = open(world, { abandonedMsMax: 5 }, () => 1000);
      for (const [i, part] of image.parts.entries()) await bench.send(part, i);
      for (const [i, part] of other.parts.slice(1).entries()) await bench.send(part, 10 + i);
      await acknowledge(bench.store, 2);
      return bench;
    };
    const settings = { ...DEFAULT_SETTINGS, abandonedMsMax: 5 };
    const world = memoryFiles({ seed: 1 });
    const bench = await prepare(world);
    const before = world.callCount();
    await sweep(bench.store, settings, 2000);
    const calls = world.callCount() - before;
    expect(world.files.list(DIRECTORY)).toContain('current-0000000002');
    expect(calls).toBeGreaterThan(10);
    const whole = summary(bench.store.state);
    expect(whole['images']).toEqual([image.imageId]);
    for (let cut = 1; cut <= calls; cut += 1) {
      for (const [seed, kind] of [
        [1, 'process'],
        [2, 'power'],
        [3, 'power'],
        [4, 'power'],
        [5, 'power'],
      ] as const) {
        const cutWorld = memoryFiles({ seed: seed * 1000 + cut });
        const cutBench = await prepare(cutWorld);
        cutWorld.cutCall(cut);
        await sweep(cutBench.store, settings, 2000).catch(() => undefined);
        cutWorld.crash(kind);
        const again = open(cutWorld);
        await sweep(again.store, settings, 2000);
        expect(summary(again.store.state)).toEqual(whole);
        expect(await again.send(image.parts[0]!, 0)).toMatchObject({ ok: true, value: { repeated: true } });
        await again.store.close();
        const third = open(cutWorld);
        expect(summary(third.store.state)).toEqual(whole);
        await third.store.close();
      }
    }
  });
});

function summary(state: StoreState): Readonly<Record<string, unknown>> {
  return {
    images: [...state.images.keys()],
    sets: [...state.sets.values()].map(({ record, requestIds }) => [record.setId, record.status, requestIds.size]),
    requests: [...state.requests.keys()].toSorted(),
    entries: [...state.entries.values()].map(({ number, requestId: id, code }) => `${number} ${id} ${code}`),
    acknowledgedUpTo: state.acknowledgedUpTo,
    nextEntry: state.nextEntry,
    heldBytes: state.heldBytes,
  };
}

describe('responses', () => {
  it('come again until they are acknowledged, in order and with the same content', async () => {
    const { store, send } = open();
    for (const [i, part] of image.parts.entries()) await send(part, i);
    const first = pull(store.state, 0);
    expect(first.responses.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(pull(store.state, 0)).toEqual(first);
    expect(pull(store.state, 2).responses.map(({ number }) => number)).toEqual([3]);
    expect(pull(store.state, 0, 2)).toMatchObject({ more: true });
    expect(codeOf(await acknowledge(store, 4))).toBe('bad-request');
    expect(await acknowledge(store, 2)).toEqual({ ok: true, value: { acknowledgedUpTo: 2 } });
    expect(await acknowledge(store, 1)).toEqual({ ok: true, value: { acknowledgedUpTo: 2 } });
    expect(pull(store.state, 0).responses.map(({ number }) => number)).toEqual([3]);
  });
});

describe('what is old', () => {
  it('is given up and answered so when it never became whole, and its space is free again', async () => {
    let nowMs = 1000;
    const bench = open(memoryFiles({ seed: 1 }), { abandonedMsMax: 500 }, () => nowMs);
    await bench.send(image.parts[0]!, 1);
    nowMs = 1499;
    await sweep(bench.store, bench.intake.settings, nowMs);
    expect(bench.store.state.images.size).toBe(1);
    nowMs = 1500;
    await sweep(bench.store, bench.intake.settings, nowMs);
    expect(responsesOf(bench.store.state)).toEqual(['1 abandoned']);
    expect(bench.store.state.heldBytes).toBe(0);
    expect(await bench.send(image.parts[0]!, 2)).toMatchObject({ ok: true, value: { heldBlocks: 2 } });
  });

  it('is forgotten only once its responses are acknowledged, and its numbers are never used again', async () => {
    let nowMs = 1000;
    const settings = { unusedImageMsMax: 500, answeredMsMax: 800 };
    const bench = open(memoryFiles({ seed: 1 }), settings, () => nowMs);
    for (const [i, part] of image.parts.entries()) await bench.send(part, i);
    nowMs = 9000;
    await sweep(bench.store, bench.intake.settings, nowMs);
    expect(bench.store.state.images.size).toBe(1);
    expect(bench.store.state.requests.size).toBe(3);
    await acknowledge(bench.store, 3);
    await sweep(bench.store, bench.intake.settings, nowMs);
    expect(summary(bench.store.state)).toMatchObject({
      images: [],
      requests: [],
      entries: [],
      nextEntry: 4,
      heldBytes: 0,
    });
    await bench.store.close();
    const again = open(bench.world);
    expect(again.store.state.nextEntry).toBe(4);
  });
});

describe('a rewritten journal', () => {
  const DAY = 24 * 3_600_000;

  it('does not count requests of an image that was forgotten for the same image when it comes again', async () => {
    let nowMs = 0;
    const bench = open(memoryFiles({ seed: 1 }), {}, () => nowMs);
    await bench.send(image.parts[0]!, 1);
    nowMs = 10 * DAY;
    await bench.send(image.parts[1]!, 2);
    await bench.send(image.parts[2]!, 3);
    await acknowledge(bench.store, 3);
    nowMs = 91 * DAY;
    await sweep(bench.store, bench.intake.settings, nowMs);
    expect(bench.store.state.images.size).toBe(0);
    expect(bench.store.state.requests.size).toBe(3);
    expect([...bench.store.state.requests.values()].filter((request) => 'setId' in request)).toEqual([]);
    await bench.send(image.parts[0]!, 21);
    await bench.store.tidy();
    const [set] = bench.store.state.sets.values();
    expect([...set!.requestIds]).toEqual([requestId(21)]);
    expect(set!.covered.durableCount).toBe(2);
    expect(await bench.send(image.parts[1]!, 22)).toMatchObject({ ok: true, value: { answered: false } });
    expect(await bench.send(image.parts[2]!, 23)).toMatchObject({ ok: true, value: { answered: true } });
    expect(responsesOf(bench.store.state)).toEqual(['21 success', '22 success', '23 success']);
  });

  it('cuts loose what an earlier journal left bound to a set that is gone', async () => {
    const { store, send } = open();
    for (const [i, part] of image.parts.entries()) await send(part, i);
    const [setId] = store.state.sets.keys();
    await store.transact(() => ({
      changes: [
        { kind: 'remove', value: { what: 'set', key: setId! } },
        { kind: 'remove', value: { what: 'image', key: image.imageId } },
      ],
      value: undefined,
    }));
    await send(image.parts[0]!, 21);
    expect(await store.tidy()).toBe(true);
    expect([...store.state.sets.values()].map(({ requestIds }) => [...requestIds])).toEqual([[requestId(21)]]);
  });

  it('still knows a complete set for complete, and answers each part that comes again', async () => {
    let nowMs = 0;
    const bench = open(memoryFiles({ seed: 1 }), { answeredMsMax: 500 }, () => nowMs);
    for (const [i, part] of image.parts.entries()) await bench.send(part, i);
    await acknowledge(bench.store, 3);
    nowMs = 1000;
    await sweep(bench.store, bench.intake.settings, nowMs);
    await bench.store.close();
    const again = open(bench.world, { answeredMsMax: 500 }, () => nowMs);
    // The images and sets of a journal that is rewritten come without the requests that are forgotten.
    const unread = [...again.store.state.sets.values()];
    expect(unread.map(({ record, requestIds }) => [record.status, requestIds.size])).toEqual([['complete', 0]]);
    for (const [i, part] of image.parts.entries())
      expect(await again.send(part, 10 + i)).toMatchObject({ ok: true, value: { answered: true } });
    expect(responsesOf(again.store.state)).toEqual(['10 success', '11 success', '12 success']);
  });
});

describe('a reader beside the owner', () => {
  it('sees what is durable, before and after the journal was rewritten', async () => {
    const { world, store, send } = open();
    for (const [i, part] of image.parts.entries()) await send(part, i);
    const seen = (): number => readState(world.files, DIRECTORY, (state) => state.entries.size);
    expect(seen()).toBe(3);
    await acknowledge(store, 3);
    const settings = { ...DEFAULT_SETTINGS, answeredMsMax: 0, unusedImageMsMax: 0 };
    await sweep(store, settings, 99_999_999);
    expect(world.files.list(DIRECTORY)).toContain('current-0000000002');
    expect(seen()).toBe(0);
  });

  it('and a second owner is refused while the first lives', () => {
    const { world } = open();
    expect(() => open(world)).toThrow(expect.objectContaining({ code: 'storage-locked' }));
  });
});

/** A part with another GBCS signature, its CRC made right: what a careless or hostile hand could make. */
function withGbcsSignature(from: BenchImage, index: number, signature: Uint8Array): Uint8Array {
  const part = from.parts[index]!.slice();
  const read = readContainer(part);
  if (!read.ok) throw new Error(read.fault.detail);
  const at = 24 + read.value.manifest.manifestBytes + 60;
  part.set(signature, at);
  new DataView(part.buffer).setUint32(at + 64, crc32(part.subarray(0, at + 64)), true);
  return part;
}
