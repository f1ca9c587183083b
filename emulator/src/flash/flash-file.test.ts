import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { boot } from '../boot/boot.js';
import { crypto, IDENTITY, ports, sha256 } from '../boot/boot-bench.test-support.js';
import { confirmTrial, recordActivation, recordStaged } from '../boot/boot-records.js';
import { factoryInstall, writeSlotImage } from '../boot/factory.js';
import { modelImage } from '../boot/model-image.test-support.js';
import { verifySlot, writeSlotHeader } from '../boot/slot.js';
import { FlashFileError, PowerLost } from '../errors.js';
import { provision } from '../meter/identity.js';
import type { FlashBacking, FlashGeometry, FlashLayout } from './flash-port.js';
import { DEFAULT_LAYOUT, planLayout } from './layout-plan.js';
import { createFlash, loadFlash } from './nor-flash.js';

/** A file in memory that remembers what was written to it. */
class MemoryFile implements FlashBacking {
  octets = new Uint8Array(0);
  writes: { readonly offsetBytes: number; readonly lengthBytes: number }[] = [];

  writeAt(offsetBytes: number, octets: Uint8Array): void {
    const endBytes = offsetBytes + octets.length;
    if (endBytes > this.octets.length) {
      const grown = new Uint8Array(endBytes);
      grown.set(this.octets);
      this.octets = grown;
    }
    this.octets.set(octets, offsetBytes);
    this.writes.push({ offsetBytes, lengthBytes: octets.length });
  }

  sync(): void {
    this.writes.push({ offsetBytes: -1, lengthBytes: 0 });
  }
}

/** Reads a flash file by the offsets of docs/FLASH-FILE.md and nothing else of this package. */
function activeImage(file: Uint8Array): { slot: number; image: Buffer; hash: Buffer; version: number; wear: number[] } {
  const at = Buffer.from(file);
  expect(at.toString('latin1', 0, 8)).toBe('S1FLASH\0');
  expect(at.readUInt16LE(8)).toBe(1);
  const headerBytes = at.readUInt32LE(12);
  expect(at.readUInt32LE(headerBytes - 4)).toBe(crc32(at.subarray(0, headerBytes - 4)));
  const flash = at.subarray(at.readUInt32LE(16), at.readUInt32LE(16) + at.readUInt32LE(20));
  const granule = at.readUInt16LE(32);
  const runCount = at.readUInt16LE(36);
  const partitionCount = at.readUInt16LE(38);
  const sectorStarts: number[] = [0];
  for (let i = 0; i < runCount; i++) {
    for (let n = at.readUInt32LE(40 + 8 * i); n > 0; n--) {
      sectorStarts.push(sectorStarts.at(-1)! + at.readUInt32LE(44 + 8 * i));
    }
  }
  const partitions = new Map<string, { start: number; length: number }>();
  for (let i = 0; i < partitionCount; i++) {
    const entry = 40 + 8 * runCount + 24 * i;
    const name = at.toString('latin1', entry, entry + 16).replace(/\0+$/, '');
    partitions.set(name, { start: at.readUInt32LE(entry + 16), length: at.readUInt32LE(entry + 20) });
  }
  // A boot record takes whole program pages: of 256 octets in whole granules, or of one granule.
  const page = Math.max(granule, 256 - (256 % granule));
  const slotBytes = Math.ceil((416 + 16) / page) * page;
  let newest: Buffer | undefined;
  for (const name of ['boot-a', 'boot-b']) {
    const { start, length } = partitions.get(name)!;
    for (let sector = 0; sector + 1 < sectorStarts.length; sector++) {
      const from = sectorStarts[sector]!;
      if (from < start || from >= start + length) continue;
      for (let slot = from; slot + slotBytes <= sectorStarts[sector + 1]!; slot += slotBytes) {
        const record = flash.subarray(slot, slot + slotBytes);
        if (record[8] !== 1 || record.readUInt32LE(slotBytes - 4) !== crc32(record.subarray(0, slotBytes - 4)))
          continue;
        if (newest === undefined || record.readUInt32LE(0) > newest.readUInt32LE(0)) newest = record;
      }
    }
  }
  const state = newest!.subarray(12);
  expect(state[2]! & 1).toBe(1);
  const slot = state[16]!;
  const { start } = partitions.get(`slot-${slot}`)!;
  const wear: number[] = [];
  for (let i = 0, from = at.readUInt32LE(24); i < at.readUInt32LE(28); i++) {
    expect(at.readUInt32LE(from + 8 * i + 4)).toBe(crc32(at.subarray(from + 8 * i, from + 8 * i + 4)));
    wear.push(at.readUInt32LE(from + 8 * i));
  }
  const image = flash.subarray(start + 4096, start + 4096 + state.readUInt32LE(24));
  return { slot, version: state.readUInt32LE(20), hash: state.subarray(72, 104), image, wear };
}

const GEOMETRIES: readonly FlashGeometry[] = [
  { sectorRuns: [{ count: 48, sectorBytes: 4096 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  {
    sectorRuns: [
      { count: 120, sectorBytes: 4096 },
      { count: 4, sectorBytes: 16_384 },
    ],
    granuleBytes: 512,
    granuleRewritable: false,
    erasedValue: 0x00,
  },
];

describe.each(GEOMETRIES)('a flash file, granule $granuleBytes, erased $erasedValue', (geometry) => {
  const layout = planLayout(geometry, { imageBytesMax: 8192, stagingBytes: 8192, profileDays: 2 });
  const OLD = modelImage({ version: 1, securityCounter: 1, imageBytes: 5000 }, sha256);
  const NEW = modelImage({ version: 2, securityCounter: 2, imageBytes: 6001 }, sha256);

  it('shows a stranger the image that runs, its length and hash, before and after an update', () => {
    const file = new MemoryFile();
    const flash = createFlash(layout, { backing: file, crc32 });
    provision(flash, crc32, IDENTITY);
    factoryInstall(flash, ports, OLD);
    expect(activeImage(file.octets)).toMatchObject({ slot: 0, version: 1 });
    expect(Buffer.compare(activeImage(file.octets).image, OLD.image)).toBe(0);

    for (let i = 0; i < 12; i++) boot(flash, ports);
    writeSlotImage(flash, 1, NEW.image);
    writeSlotHeader(flash, crypto, 1, NEW.offerBlob);
    const checked = verifySlot(flash, ports, 1, {});
    if (!checked.ok) throw new Error(checked.fault);
    const { manifestDigest, imageHash } = checked.header;
    recordStaged(flash, crypto, { slot: 1, manifestDigest, imageHash });
    const authorisationDigest = new Uint8Array(32);
    recordActivation(flash, crypto, { slot: 1, manifestDigest, imageHash, originatorCounter: 1n, authorisationDigest });
    boot(flash, ports);
    expect(activeImage(file.octets).slot).toBe(0);
    confirmTrial(flash, crypto);

    const seen = activeImage(file.octets);
    expect(seen).toMatchObject({ slot: 1, version: 2 });
    expect(Buffer.compare(seen.image, NEW.image)).toBe(0);
    expect(Buffer.compare(seen.hash, createHash('sha256').update(NEW.image).digest())).toBe(0);
    expect(seen.wear).toEqual(flash.sectors.map(({ index }) => flash.wear(index)));
    expect(Math.max(...seen.wear)).toBeGreaterThan(0);
  });

  it('gives back the same flash, which goes on writing into the file', () => {
    const file = new MemoryFile();
    const flash = createFlash(layout, { backing: file, crc32 });
    provision(flash, crc32, IDENTITY);
    factoryInstall(flash, ports, OLD);
    // As a host reads it: a Buffer that starts anywhere in its memory and may change afterwards.
    const octets = Buffer.concat([Buffer.alloc(3), file.octets]).subarray(3);
    const again = loadFlash(octets, crc32, file);
    octets.fill(0);
    expect(again.layout).toEqual(layout);
    expect(Buffer.compare(again.read(0, again.sizeBytes), flash.read(0, flash.sizeBytes))).toBe(0);
    expect(boot(again, ports)).toMatchObject({ phase: 'confirmed', epoch: 1 });
    expect(boot(loadFlash(file.octets, crc32), ports)).toMatchObject({ phase: 'confirmed', epoch: 2 });
  });

  it('writes each operation through at once, and only the octets it touched', () => {
    const file = new MemoryFile();
    const flash = createFlash(layout, { backing: file, crc32 });
    const { granuleBytes, erasedValue } = geometry;
    const sector = flash.sectors[3]!;
    file.writes = [];
    flash.program(sector.offsetBytes + granuleBytes, new Uint8Array(2 * granuleBytes).fill(0x3c));
    expect(file.writes).toEqual([
      { offsetBytes: 4096 + sector.offsetBytes + granuleBytes, lengthBytes: 2 * granuleBytes },
    ]);
    file.writes = [];
    flash.eraseSector(3);
    const wearAt = 4096 + flash.sizeBytes + 8 * 3;
    expect(file.writes).toEqual([
      { offsetBytes: 4096 + sector.offsetBytes, lengthBytes: sector.lengthBytes },
      { offsetBytes: wearAt, lengthBytes: 8 },
    ]);
    file.writes = [];
    flash.arm({ cutAt: 1, phase: 'during', torn: granuleBytes });
    expect(() => flash.program(0, new Uint8Array(2 * granuleBytes).fill(0x3c))).toThrow(PowerLost);
    expect(file.writes).toEqual([{ offsetBytes: 4096, lengthBytes: granuleBytes }]);
    const held = loadFlash(file.octets, crc32).read(0, 2 * granuleBytes);
    expect([held[granuleBytes - 1], held[granuleBytes]]).toEqual([0x3c, erasedValue]);
    file.writes = [];
    flash.fork().eraseSector(0);
    expect(file.writes).toEqual([]);
  });

  it('is refused when any bit of its header is wrong, when it is cut short, and when its making was interrupted', () => {
    const file = new MemoryFile();
    createFlash(layout, { backing: file, crc32 });
    const codeOf = (octets: Uint8Array): string | undefined => {
      try {
        loadFlash(octets, crc32);
        return undefined;
      } catch (error) {
        if (error instanceof FlashFileError) return error.code;
        throw error;
      }
    };
    expect(codeOf(file.octets)).toBeUndefined();
    const codes = new Set<string | undefined>();
    const headerBytes = new DataView(file.octets.buffer).getUint32(12, true);
    for (let bit = 0; bit < headerBytes * 8; bit++) {
      file.octets[bit >> 3]! ^= 1 << (bit & 7);
      codes.add(codeOf(file.octets));
      file.octets[bit >> 3]! ^= 1 << (bit & 7);
    }
    expect(codes).toEqual(new Set(['bad-magic', 'bad-version', 'bad-layout', 'bad-crc']));
    for (const length of [0, 7, 39, 4095, 4096, file.octets.length - 1]) {
      expect(codeOf(file.octets.subarray(0, length))).toBe('truncated');
    }
    const interrupted = file.octets.slice().fill(0, 0, 4096);
    expect(codeOf(interrupted)).toBe('bad-magic');
  });
});

it('lets nothing but a layout that fits itself through, even with a good CRC', () => {
  const file = new MemoryFile();
  const layout: FlashLayout = DEFAULT_LAYOUT;
  createFlash(layout, { backing: file, crc32 });
  const view = new DataView(file.octets.buffer);
  const headerBytes = view.getUint32(12, true);
  const worst = [0, 1, 2 ** 31, 2 ** 32 - 1];
  const u32 = [16, 20, 24, 28, 40, 44, 48, 68].flatMap((at) => worst.map((value) => ({ at, value, bytes: 4 })));
  const others = [
    ...[1, 2 ** 31, 2 ** 32 - 4096].map((value) => ({ at: 64, value, bytes: 4 })),
    ...[0, 24, 513, 0xffff].map((value) => ({ at: 32, value, bytes: 2 })),
    ...[1, 0x7f, 0xfe].map((value) => ({ at: 34, value, bytes: 1 })),
    ...[0, 2, 65, 0xffff].map((value) => ({ at: 36, value, bytes: 2 })),
    ...[10, 12, 0xffff].map((value) => ({ at: 38, value, bytes: 2 })),
  ];
  let refused = 0;
  for (const { at, value, bytes } of [...u32, ...others]) {
    const spoilt = Buffer.from(file.octets);
    spoilt.writeUIntLE(value, at, bytes);
    spoilt.writeUInt32LE(crc32(spoilt.subarray(0, headerBytes - 4)), headerBytes - 4);
    expect(() => loadFlash(spoilt, crc32)).toThrow(FlashFileError);
    refused += 1;
  }
  expect(refused).toBeGreaterThan(40);
});
