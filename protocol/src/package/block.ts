/** What is signed for one block (SPEC.md §5): bound to its manifest, index, count and length, so no block serves elsewhere. */
import { CONTEXTS, sign, verify, type CryptoTask } from '../crypto-port.js';
import { LocalProtocolError } from '../errors.js';
import { layout, octets, u32 } from '../layout/layout.js';
import { HASH_BYTES, SIGNATURE_BYTES } from '../limits.js';
import { blockBytes, type Geometry } from './manifest.js';

/**
 * The message that a block's signature covers.
 *
 * @throws {@link LocalProtocolError} when `digest` is not 32 octets, or a number is not a u32.
 */
export function blockMessage(digest: Uint8Array, index: number, count: number, payload: Uint8Array): Uint8Array {
  return blockMessages(digest, count, payload.length)(index, payload);
}

/**
 * {@link blockMessage} for many blocks of one image, in one buffer: each message is good until the next is asked for.
 *
 * @param payloadBytesMax - Octets of the longest payload to come.
 */
export function blockMessages(digest: Uint8Array, count: number, payloadBytesMax: number): BlockMessages {
  if (digest.length !== HASH_BYTES || !isU32(count))
    throw new LocalProtocolError(`no image of ${count} blocks has a digest of ${digest.length} octets`);
  const buffer = new Uint8Array(PAYLOAD_AT + payloadBytesMax);
  buffer.set(CONTEXTS.block);
  buffer.set(digest, BINDING_AT + BINDING.at.digest);
  // By hand at the layout's offsets: this runs once a block, where the general encoder shows beside one signature check.
  const numbers = new DataView(buffer.buffer, BINDING_AT);
  numbers.setUint32(BINDING.at.count, count, true);
  return (index, payload) => {
    if (!isU32(index) || payload.length > payloadBytesMax)
      throw new LocalProtocolError(`no block ${index} of ${payload.length} octets`);
    numbers.setUint32(BINDING.at.index, index, true);
    numbers.setUint32(BINDING.at.payloadBytes, payload.length, true);
    buffer.set(payload, PAYLOAD_AT);
    return buffer.subarray(0, PAYLOAD_AT + payload.length);
  };
}

export type BlockMessages = (index: number, payload: Uint8Array) => Uint8Array;

/** Signature of the manufacturer, 64 octets. */
export function signBlock(
  digest: Uint8Array,
  index: number,
  count: number,
  payload: Uint8Array,
): CryptoTask<Uint8Array> {
  return sign('manufacturer', blockMessage(digest, index, count, payload));
}

/**
 * Whether `blockOctets` (payload and signature) are block `index` of the image. Anything else, of whatever length, is not.
 *
 * @param manufacturerKey - The one key that verified the manifest: another trusted one signs for other images.
 * @param messages - For many blocks in a row, of one task; else made here.
 */
export function* verifyBlock(
  manifest: Geometry,
  digest: Uint8Array,
  index: number,
  blockOctets: Uint8Array,
  manufacturerKey: Uint8Array,
  messages?: BlockMessages,
): CryptoTask<boolean> {
  if (!Number.isInteger(index) || index < 0 || index >= manifest.blockCount) return false;
  if (blockOctets.length !== blockBytes(manifest, index)) return false;
  const payload = blockOctets.subarray(0, blockOctets.length - SIGNATURE_BYTES);
  const message = messages?.(index, payload) ?? blockMessage(digest, index, manifest.blockCount, payload);
  return yield* verify(manufacturerKey, message, blockOctets.subarray(payload.length));
}

const BINDING = layout({ digest: octets(HASH_BYTES), index: u32, count: u32, payloadBytes: u32 });
const BINDING_AT = CONTEXTS.block.length;
const PAYLOAD_AT = BINDING_AT + BINDING.bytes;

function isU32(value: number): boolean {
  return value >>> 0 === value;
}
