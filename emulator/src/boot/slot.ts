import { BootError } from '../errors.js';
import type { FlashPort, FlashRegion } from '../flash/flash-port.js';
import { OFFER_BLOB_BYTES_MAX, SLOT_HEADER_BYTES } from '../limits.js';
import type { DeviceIdentity } from '../meter/identity.js';
import { sameOctets } from '../octets.js';
import type { BootPorts, ImageHeader } from './boot-crypto.js';
import type { RecordCrypto } from './boot-records.js';
import type { SlotIndex } from './boot-state.js';

/** Where in a slot the Manufacturer Image starts. */
export const IMAGE_OFFSET_BYTES: number = SLOT_HEADER_BYTES;

export function slotRegion(flash: FlashPort, slot: SlotIndex): FlashRegion {
  return flash.partition(slot === 0 ? 'slot-0' : 'slot-1');
}

/** Programs the offer blob into the (erased) header area of a slot. @throws BootError `bad-value`; FlashError; PowerLost */
export function writeSlotHeader(flash: FlashPort, crypto: RecordCrypto, slot: SlotIndex, offerBlob: Uint8Array): void {
  const region = slotRegion(flash, slot);
  region.program(0, slotHeaderOctets(region, crypto, offerBlob));
}

/** The header of a slot in whole granules: length, offer blob, CRC-32. @throws BootError `bad-value` */
export function slotHeaderOctets(region: FlashRegion, crypto: RecordCrypto, offerBlob: Uint8Array): Uint8Array {
  if (offerBlob.length === 0 || offerBlob.length > OFFER_BLOB_BYTES_MAX) {
    throw new BootError('bad-value', `an offer blob has 1 to ${OFFER_BLOB_BYTES_MAX} octets, not ${offerBlob.length}`);
  }
  const usedBytes = 2 + offerBlob.length + 4;
  const octets = new Uint8Array(Math.ceil(usedBytes / region.granuleBytes) * region.granuleBytes);
  octets.fill(region.erasedValue, usedBytes);
  const view = new DataView(octets.buffer);
  view.setUint16(0, offerBlob.length, true);
  octets.set(offerBlob, 2);
  view.setUint32(usedBytes - 4, crypto.crc32(octets.subarray(0, usedBytes - 4)), true);
  return octets;
}

/** The offer blob of a slot, or undefined when there is no intact one. */
export function readSlotHeader(flash: FlashPort, crypto: RecordCrypto, slot: SlotIndex): Uint8Array | undefined {
  const octets = slotRegion(flash, slot).read(0, SLOT_HEADER_BYTES);
  const view = new DataView(octets.buffer);
  const length = view.getUint16(0, true);
  if (length === 0 || length > OFFER_BLOB_BYTES_MAX) return undefined;
  if (view.getUint32(2 + length, true) !== crypto.crc32(octets.subarray(0, 2 + length))) return undefined;
  return octets.subarray(2, 2 + length);
}

export interface Expectation {
  readonly manifestDigest?: Uint8Array;
  readonly imageHash?: Uint8Array;
  /** Lowest counter that may run. */
  readonly floor?: number;
  readonly identity?: DeviceIdentity | undefined;
}

export type SlotFault =
  | 'no-header'
  | 'bad-size'
  | 'wrong-manifest'
  | 'wrong-image'
  | 'below-floor'
  | 'wrong-device'
  | 'wrong-hash'
  | 'bad-signature';

/** `image`: the octets that were verified; whoever uses the image uses these. */
export type SlotCheck =
  | { readonly ok: true; readonly header: ImageHeader; readonly image: Uint8Array }
  | { readonly ok: false; readonly fault: SlotFault };

/** The one check of an image in a slot: what it claims, then SHA-256 over every octet, then its signatures. */
export function verifySlot(flash: FlashPort, ports: BootPorts, slot: SlotIndex, expected: Expectation): SlotCheck {
  const header = readHeaderOf(flash, ports, slot);
  if (header === undefined) return no('no-header');
  const { imageBytes } = header;
  const region = slotRegion(flash, slot);
  if (!Number.isSafeInteger(imageBytes) || imageBytes < 1 || imageBytes > region.sizeBytes - IMAGE_OFFSET_BYTES) {
    return no('bad-size');
  }
  if (expected.manifestDigest && !sameOctets(header.manifestDigest, expected.manifestDigest))
    return no('wrong-manifest');
  if (expected.imageHash && !sameOctets(header.imageHash, expected.imageHash)) return no('wrong-image');
  if (expected.floor !== undefined && !(header.securityCounter >= expected.floor)) return no('below-floor');
  if (expected.identity && !isFor(header, expected.identity)) return no('wrong-device');
  // Read once: cells that read differently each time must not show one image to the hash and another to the signature.
  const image = region.read(IMAGE_OFFSET_BYTES, imageBytes);
  if (!sameOctets(ports.crypto.sha256([image]), header.imageHash)) return no('wrong-hash');
  if (refusing(() => header.check(ports.crypto, [image])) !== true) return no('bad-signature');
  return { ok: true, header, image };
}

/** What the offer blob of a slot says, unverified; undefined when there is no intact one. */
export function readHeaderOf(flash: FlashPort, ports: BootPorts, slot: SlotIndex): ImageHeader | undefined {
  const blob = readSlotHeader(flash, ports.crypto, slot);
  return blob && refusing(() => ports.readImageHeader(blob));
}

function isFor(header: ImageHeader, identity: DeviceIdentity): boolean {
  return (
    header.manufacturerCode === identity.manufacturerCode &&
    header.imageType === identity.imageType &&
    header.hardwareMin <= identity.hardwareVersion &&
    identity.hardwareVersion <= header.hardwareMax
  );
}

// Neither call reaches flash, so no PowerLost can come out of it: whatever does is a reason not to run the image.
function refusing<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}

function no(fault: SlotFault): SlotCheck {
  return { ok: false, fault };
}
