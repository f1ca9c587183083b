/** Goal: what lies in a slot passes the first look only when it is exactly what is expected, for this device, and verifies. */
import { crc32 } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { BootError } from '../errors.js';
import type { NorFlash } from '../flash/nor-flash.js';
import { OFFER_BLOB_BYTES_MAX, SLOT_HEADER_BYTES } from '../limits.js';
import type { DeviceIdentity } from '../meter/identity.js';
import { readIdentity } from '../meter/identity.js';
import { crypto, LAYOUT, NEW, newMeter, OLD, ports, sha256, stage } from './boot-bench.test-support.js';
import type { BootPorts, ImageHeader } from './boot-crypto.js';
import { eraseSlot, writeSlotImage } from './factory.js';
import type { Expectation, SlotFault } from './slot.js';
import {
  IMAGE_OFFSET_BYTES,
  readHeaderOf,
  readSlotHeader,
  slotHeaderOctets,
  slotRegion,
  verifySlot,
  writeSlotHeader,
} from './slot.js';

let flash: NorFlash;
beforeEach(() => {
  flash = newMeter();
});

const header = (): ImageHeader => readHeaderOf(flash, ports, 0)!;
/** Ports for which the header of any slot says something else as well. */
const saying = (changes: Partial<ImageHeader>): BootPorts => ({
  ...ports,
  readImageHeader: (octets) => ({ ...ports.readImageHeader(octets)!, ...changes }),
});
const faultOf = (expected: Expectation, changes: Partial<ImageHeader> = {}): SlotFault | undefined => {
  const checked = verifySlot(flash, saying(changes), 0, expected);
  return checked.ok ? undefined : checked.fault;
};

describe('the header of a slot', () => {
  it.each([1, 2, OLD.offerBlob.length, OFFER_BLOB_BYTES_MAX])(
    'gives back an offer blob of %i octets',
    (lengthBytes) => {
      const blob = Uint8Array.from({ length: lengthBytes }, (_, i) => (i * 7 + 1) & 0xff);
      eraseSlot(flash, 1, 1);
      writeSlotHeader(flash, crypto, 1, blob);
      expect(readSlotHeader(flash, crypto, 1)).toEqual(blob);
      const region = slotRegion(flash, 1);
      const octets = slotHeaderOctets(region, crypto, blob);
      expect(octets.length % region.granuleBytes).toBe(0);
      expect(octets.length - (lengthBytes + 6)).toBeLessThan(region.granuleBytes);
      expect([...octets.subarray(lengthBytes + 6)].every((octet) => octet === region.erasedValue)).toBe(true);
    },
  );

  it('is not made for a blob of no octets, or of more than it has room for', () => {
    const region = slotRegion(flash, 1);
    for (const lengthBytes of [0, OFFER_BLOB_BYTES_MAX + 1]) {
      const make = (): Uint8Array => slotHeaderOctets(region, crypto, new Uint8Array(lengthBytes));
      expect(make).toThrow(BootError);
      expect(make).toThrow(expect.objectContaining({ code: 'bad-value' }));
    }
  });

  it('is none with a length of nothing or of too much, however right its CRC', () => {
    const written = (lengthBytes: number): Uint8Array | undefined => {
      const octets = new Uint8Array(SLOT_HEADER_BYTES);
      const view = new DataView(octets.buffer);
      view.setUint16(0, lengthBytes, true);
      const end = Math.min(2 + lengthBytes, SLOT_HEADER_BYTES - 4);
      view.setUint32(end, crc32(octets.subarray(0, end)), true);
      eraseSlot(flash, 1, 1);
      slotRegion(flash, 1).program(0, octets);
      return readSlotHeader(flash, crypto, 1);
    };
    expect(written(5)).toEqual(new Uint8Array(5));
    for (const lengthBytes of [0, OFFER_BLOB_BYTES_MAX + 1, 0xfffe, 0xffff]) {
      expect(written(lengthBytes)).toBeUndefined();
    }
  });

  it('is none when any one of its bits is flipped', () => {
    const { offsetBytes } = LAYOUT.partitions.find(({ name }) => name === 'slot-0')!;
    const usedBytes = 2 + OLD.offerBlob.length + 4;
    for (let bit = 0; bit < usedBytes * 8; bit++) {
      flash.rot(offsetBytes + (bit >> 3), 1 << (bit & 7));
      expect(readSlotHeader(flash, crypto, 0), `bit ${bit}`).toBeUndefined();
      flash.rot(offsetBytes + (bit >> 3), 1 << (bit & 7));
    }
    expect(readSlotHeader(flash, crypto, 0)).toEqual(OLD.offerBlob);
  });

  it('of one slot says nothing of the other', () => {
    expect(readSlotHeader(flash, crypto, 1)).toBeUndefined();
    expect(verifySlot(flash, ports, 1, {})).toEqual({ ok: false, fault: 'no-header' });
    stage(flash);
    expect(readSlotHeader(flash, crypto, 1)).toEqual(NEW.offerBlob);
    expect(readSlotHeader(flash, crypto, 0)).toEqual(OLD.offerBlob);
  });
});

describe('the check of a slot', () => {
  const identity = (): DeviceIdentity => readIdentity(flash, crc32)!;

  it('gives the header and the octets that it verified', () => {
    const { manifestDigest, imageHash, securityCounter } = header();
    const expected = { manifestDigest, imageHash, floor: securityCounter, identity: identity() };
    const checked = verifySlot(flash, ports, 0, expected);
    expect(checked).toMatchObject({ ok: true, image: OLD.image, header: { fileVersion: 1 } });
    expect(verifySlot(flash, ports, 0, {})).toMatchObject({ ok: true, image: OLD.image });
  });

  it('says what is not as expected', () => {
    const other = new Uint8Array(32);
    expect(faultOf({ manifestDigest: other })).toBe('wrong-manifest');
    expect(faultOf({ imageHash: other })).toBe('wrong-image');
    expect(faultOf({ floor: header().securityCounter + 1 })).toBe('below-floor');
    expect(faultOf({ floor: 0 }, { securityCounter: Number.NaN })).toBe('below-floor');
    expect(faultOf({}, { imageHash: other })).toBe('wrong-hash');
    expect(faultOf({}, { check: () => false })).toBe('bad-signature');
  });

  it('shows the signatures every octet of the image that it hands on', () => {
    const shown: Uint8Array[] = [];
    const check: ImageHeader['check'] = (_, chunks) => {
      shown.push(...chunks);
      return true;
    };
    expect(faultOf({}, { check })).toBeUndefined();
    expect(shown).toEqual([OLD.image]);
  });

  it('takes only a plain yes for a signature that holds', () => {
    expect(faultOf({}, { check: () => true })).toBeUndefined();
    expect(faultOf({}, { check: () => 1 as unknown as boolean })).toBe('bad-signature');
  });

  it('takes an image of one octet up to one that fills the slot, and no other size', () => {
    const roomBytes = slotRegion(flash, 0).sizeBytes - IMAGE_OFFSET_BYTES;
    for (const imageBytes of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, roomBytes + 1]) {
      expect(faultOf({}, { imageBytes }), String(imageBytes)).toBe('bad-size');
    }
    for (const imageBytes of [1, roomBytes]) {
      const image = new Uint8Array(imageBytes).fill(0x5a);
      eraseSlot(flash, 0, imageBytes);
      writeSlotImage(flash, 0, image);
      writeSlotHeader(flash, crypto, 0, OLD.offerBlob);
      const claims = { imageBytes, imageHash: sha256([image]), check: (): boolean => true };
      expect(verifySlot(flash, saying(claims), 0, {})).toMatchObject({ ok: true, image });
    }
  });

  it('takes an image for this device only: its maker, its model, its range of hardware', () => {
    const known = identity();
    const { hardwareVersion } = known;
    const range = (hardwareMin: number, hardwareMax: number): SlotFault | undefined =>
      faultOf({ identity: known }, { hardwareMin, hardwareMax });
    expect(faultOf({ identity: { ...known, manufacturerCode: 1 } })).toBe('wrong-device');
    expect(faultOf({ identity: { ...known, imageType: 2 } })).toBe('wrong-device');
    expect(range(hardwareVersion, hardwareVersion)).toBeUndefined();
    expect(range(hardwareVersion + 1, 0xffff)).toBe('wrong-device');
    expect(range(0, hardwareVersion - 1)).toBe('wrong-device');
    expect(faultOf({ identity: undefined }, { imageType: 2 })).toBeUndefined();
  });
});
