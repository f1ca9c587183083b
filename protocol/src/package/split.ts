/** Splits a package into parts and joins parts to a package (SPEC.md §6). Octets are moved, not verified: verify before or after. */
import { bad, good, LocalProtocolError, type Checked } from '../errors.js';
import { equalOctets } from '../layout/octets.js';
import { CRC32_BYTES, PART_BYTES_MAX, SIGNATURE_BYTES } from '../limits.js';
import type { PackageFault } from '../refusal.js';
import {
  containerHeadBytes,
  layOutContainer,
  readContainer,
  recordBytes,
  writeCrc,
  type Container,
} from './container.js';
import type { Manifest } from './manifest.js';

/** What keeps parts from being joined, each of them being well formed. */
export type JoinFault = PackageFault | 'missingBlocks' | 'mixedImages' | 'conflictingBlock';

/**
 * Cuts a package into parts, each as many whole blocks as fit.
 *
 * Faults: those of `readContainer`; `unknownKind` when it is a part already.
 *
 * @param partBytesMax - Octets of a part at most; never above `PART_BYTES_MAX`.
 * @throws {@link LocalProtocolError} when `partBytesMax` is above that, or not one block of this package fits.
 */
export function splitPackage(
  octets: Uint8Array,
  partBytesMax: number = PART_BYTES_MAX,
): Checked<Uint8Array[], PackageFault> {
  if (partBytesMax > PART_BYTES_MAX)
    throw new LocalProtocolError(`partBytesMax is ${partBytesMax}, at most ${PART_BYTES_MAX}`);
  const read = readContainer(octets);
  if (!read.ok) return read;
  const whole = read.value;
  if (whole.kind !== 'package') return bad('unknownKind', 'this is a part already; only a package can be split');
  const { manifest, otaHeader, gbcsSignature, records } = whole;
  const roomBytes = partBytesMax - containerHeadBytes(manifest);
  const recordBytesMax = recordBytes(manifest, 0);
  const runMax = Math.floor(roomBytes / recordBytesMax);
  if (runMax < 1) throw new LocalProtocolError(`no block fits a part of ${partBytesMax} octets`);

  const parts: Uint8Array[] = [];
  for (let firstBlock = 0, from = 0; firstBlock < manifest.blockCount;) {
    const left = manifest.blockCount - firstBlock;
    // The last block may be short enough to fit where a full one does not.
    const fitsShort = left === runMax + 1 && records.length - from <= roomBytes;
    const blockRun = fitsShort ? left : Math.min(runMax, left);
    const part = layOutContainer({ kind: 'part', manifest, otaHeader, gbcsSignature, firstBlock, blockRun });
    const to = from + part.octets.length - part.recordsAt;
    part.octets.set(records.subarray(from, to), part.recordsAt);
    parts.push(part.octets);
    firstBlock += blockRun;
    from = to;
  }
  return good(parts);
}

/**
 * Joins parts, in any order, to the package they came from. A block may come more than once if its payload is the same each time. What two
 * builds of one image sign apart (manifest signature, GBCS signature, block signatures) is taken from the part that starts first.
 *
 * Faults: those of `readContainer`; `mixedImages` (another manifest or OTA header), `conflictingBlock` (with the block), `missingBlocks`
 * (with the first, and all of them in its detail; also when there are no parts).
 */
export function joinParts(parts: readonly Uint8Array[]): Checked<Uint8Array, JoinFault> {
  const containers: Container[] = [];
  for (const [i, octets] of parts.entries()) {
    const read = readContainer(octets);
    if (!read.ok)
      return { ok: false, fault: { ...read.fault, detail: `part ${i + 1} of those given: ${read.fault.detail}` } };
    containers.push(read.value);
  }
  containers.sort((a, b) => a.firstBlock - b.firstBlock);
  const [first] = containers;
  if (first === undefined) return bad('missingBlocks', 'no parts were given');
  const { manifest, otaHeader, gbcsSignature } = first;

  const blocks: (Uint8Array | undefined)[] = Array.from({ length: manifest.blockCount });
  for (const part of containers) {
    if (!sameImage(first, part))
      return bad('mixedImages', 'the parts belong to different images; join the parts of one at a time');
    for (const [i, block] of part.blocks.entries()) {
      const index = part.firstBlock + i;
      const held = blocks[index];
      if (held !== undefined && !equalOctets(payloadOf(held), payloadOf(block))) {
        return bad(
          'conflictingBlock',
          `block ${index} comes twice with different payloads; verify the parts to find the false one`,
          index,
        );
      }
      blocks[index] ??= block;
    }
  }

  const missing = blocks.indexOf(undefined);
  if (missing !== -1)
    return bad('missingBlocks', `blocks ${missingRanges(blocks)} are missing; get the parts that hold them`, missing);
  const whole = layOutContainer({
    kind: 'package',
    manifest,
    otaHeader,
    gbcsSignature,
    firstBlock: 0,
    blockRun: manifest.blockCount,
  });
  let at = whole.recordsAt;
  for (const block of blocks as readonly Uint8Array[]) {
    whole.octets.set(block, at);
    writeCrc(whole.octets, at, at + block.length);
    at += block.length + CRC32_BYTES;
  }
  return good(whole.octets);
}

function sameImage(a: Container, b: Container): boolean {
  return equalOctets(signedOctetsOf(a.manifest), signedOctetsOf(b.manifest)) && equalOctets(a.otaHeader, b.otaHeader);
}

/** Two manifests that differ in their signature only are the same manifest (SPEC.md §4). */
function signedOctetsOf(manifest: Manifest): Uint8Array {
  return manifest.octets.subarray(0, manifest.signedOctets);
}

function payloadOf(block: Uint8Array): Uint8Array {
  return block.subarray(0, block.length - SIGNATURE_BYTES);
}

/** As in `3, 7-9, 12`. */
function missingRanges(blocks: readonly (Uint8Array | undefined)[]): string {
  const ranges: { first: number; last: number }[] = [];
  for (const [index, block] of blocks.entries()) {
    if (block !== undefined) continue;
    const range = ranges.at(-1);
    if (range?.last === index - 1) range.last = index;
    else ranges.push({ first: index, last: index });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(', ');
}
