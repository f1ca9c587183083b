import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { MeterError, PowerLost } from '../errors.js';
import type { NorFlash, SectorFaultKind } from '../flash/nor-flash.js';
import { createFlash } from '../flash/nor-flash.js';
import type { DeviceIdentity } from './identity.js';
import { provision, readIdentity, repairIdentity } from './identity.js';
import { LAYOUT, LAYOUT_512 } from './meter.test-support.js';

describe('the identity', () => {
  const key = (seed: number): Uint8Array =>
    Uint8Array.from({ length: 65 }, (_, i) => (i === 0 ? 4 : (i * seed) & 0xff));
  const identity: DeviceIdentity = {
    eui64: Uint8Array.of(0, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa0),
    manufacturerCode: 0x121d,
    imageType: 1,
    hardwareVersion: 0x1111,
    deviceClass: 2,
    trustAnchors: [
      { role: 'manufacturer', publicKey: key(3) },
      { role: 'supplier', publicKey: key(5) },
      { role: 'dco', publicKey: key(7) },
    ],
  };

  it.each([
    ['granule 16', LAYOUT],
    ['granule 512, erased to 00', LAYOUT_512],
  ])('is written once and read back (%s)', (_, layout) => {
    const flash = createFlash(layout);
    expect(readIdentity(flash, crc32)).toBeUndefined();
    provision(flash, crc32, identity);
    expect(readIdentity(flash, crc32)).toEqual(identity);
    expect(() => provision(flash, crc32, identity)).toThrow(MeterError);
  });

  it('can be written again after a cut at any operation', () => {
    let cuts = 0;
    for (const cutAt of [1, 2]) {
      for (const phase of ['before', 'during', 'after'] as const) {
        const flash = createFlash(LAYOUT);
        flash.arm({ cutAt, phase, torn: 100 });
        expect(() => provision(flash, crc32, identity)).toThrow(PowerLost);
        cuts += 1;
        flash.powerOn();
        if (readIdentity(flash, crc32) === undefined) provision(flash, crc32, identity);
        expect(readIdentity(flash, crc32)).toEqual(identity);
      }
    }
    expect(cuts).toBe(6);
  });

  it('is refused when a field does not fit, before anything is written', () => {
    const flash = createFlash(LAYOUT);
    const bad: readonly Partial<DeviceIdentity>[] = [
      { eui64: new Uint8Array(7) },
      { manufacturerCode: 0x1_0000 },
      { hardwareVersion: -1 },
      { trustAnchors: [{ role: 'dco', publicKey: new Uint8Array(65) }] },
      { trustAnchors: Array.from({ length: 9 }, () => ({ role: 'dco' as const, publicKey: key(3) })) },
    ];
    for (const part of bad) expect(() => provision(flash, crc32, { ...identity, ...part })).toThrow(MeterError);
    expect(flash.operationCount).toBe(0);
  });

  /** The sectors of the two copies, in the device. */
  function copiesOf(flash: NorFlash): readonly number[] {
    const { offsetBytes } = flash.layout.partitions.find(({ name }) => name === 'identity')!;
    const first = flash.sectors.find((sector) => sector.offsetBytes === offsetBytes)!.index;
    return [first, first + 1];
  }

  it('survives the rot of any one bit of either copy, and is whole again after a repair', () => {
    const flash = createFlash(LAYOUT);
    provision(flash, crc32, identity);
    const usedBytes = 24 + 3 * 66 + 4;
    for (const sector of copiesOf(flash)) {
      const { offsetBytes } = flash.sectors[sector]!;
      for (let octet = 0; octet < usedBytes; octet++) {
        for (let mask = 1; mask <= 0x80; mask <<= 1) {
          flash.rot(offsetBytes + octet, mask);
          expect(readIdentity(flash, crc32)?.eui64[7]).toBe(identity.eui64[7]);
          flash.rot(offsetBytes + octet, mask);
        }
      }
    }
    const [first, second] = copiesOf(flash).map((sector) => flash.sectors[sector]!.offsetBytes);
    flash.rot(first! + 40, 1);
    repairIdentity(flash, crc32);
    expect(flash.operationCount).toBe(6);
    flash.rot(second! + 50, 1);
    expect(readIdentity(flash, crc32)).toEqual(identity);
    repairIdentity(flash, crc32);
    repairIdentity(flash, crc32);
    expect(flash.operationCount).toBe(8);
  });

  it('survives a cut at any operation of a repair, with whatever that leaves', () => {
    const flash = createFlash(LAYOUT);
    provision(flash, crc32, identity);
    for (const sector of copiesOf(flash)) {
      const spoilt = flash.fork();
      spoilt.rot(flash.sectors[sector]!.offsetBytes, 0x10);
      for (const cutAt of [1, 2]) {
        for (let seed = 0; seed < 24; seed++) {
          const world = spoilt.fork();
          const mode = seed % 2 === 0 ? 'bits' : 'prefix';
          world.arm({ cutAt, phase: 'during', mode, seed, weak: seed % 3 === 0, neighbour: true });
          expect(() => repairIdentity(world, crc32)).toThrow(PowerLost);
          world.powerOn();
          expect(readIdentity(world, crc32)).toEqual(identity);
          repairIdentity(world, crc32);
          expect(readIdentity(world, crc32)).toEqual(identity);
        }
      }
    }
  });

  it.each(['program-fails', 'erase-fails', 'read-fails', 'program-lies', 'erase-lies'] satisfies SectorFaultKind[])(
    'stays when the sector of one copy is worn: %s',
    (kind) => {
      for (const worn of [0, 1]) {
        const flash = createFlash(LAYOUT);
        provision(flash, crc32, identity);
        const sector = copiesOf(flash)[worn]!;
        flash.breakSector(sector, kind);
        flash.rot(flash.sectors[sector]!.offsetBytes, 1);
        for (let i = 0; i < 3; i++) repairIdentity(flash, crc32);
        expect(readIdentity(flash, crc32)).toEqual(identity);
      }
    },
  );

  it('is none, and is left alone, when both copies are spoilt', () => {
    const flash = createFlash(LAYOUT);
    provision(flash, crc32, identity);
    for (const sector of copiesOf(flash)) flash.rot(flash.sectors[sector]!.offsetBytes + 30, 1);
    const before = flash.operationCount;
    repairIdentity(flash, crc32);
    expect(flash.operationCount).toBe(before);
    expect(readIdentity(flash, crc32)).toBeUndefined();
  });
});
