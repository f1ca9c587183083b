/** A flash as the octets of a flash file (emulator/docs/FLASH-FILE.md). */
import {
  encodeFlashFileHeader,
  encodeWear,
  FLASH_FILE_HEADER_BYTES,
  wearOffsetBytes,
  type NorFlash,
} from '@smets1/emulator';
import { concat, crc32 } from '@smets1/protocol';

/** Read as it stands, whether its power is on or not. */
export function snapshotOf(flash: NorFlash): Uint8Array {
  const wear = Uint32Array.from(flash.sectors, ({ index }) => flash.wear(index));
  const header = encodeFlashFileHeader(flash.layout, crc32);
  const wearAt = wearOffsetBytes(flash.sizeBytes, 0);
  // A fork has power, whatever became of the one it was made of.
  const octets = flash.fork().read(0, flash.sizeBytes);
  const gap = new Uint8Array(wearAt - FLASH_FILE_HEADER_BYTES - flash.sizeBytes);
  return concat(header, octets, gap, encodeWear(wear, crc32));
}
