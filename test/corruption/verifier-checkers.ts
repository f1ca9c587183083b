/** The verifier of packages, shown every spoilt package: as it is, and with all CRCs and lengths made right again. */
import { crc32, verifyPackage } from '@smets1/protocol';
import { run, TRUST } from './bench-crypto.js';
import { CONTAINER, PACKAGE } from './bench-image.js';
import { bitFlips, truncations, type Checker, type Corruption, type Verdict } from './corruptions.js';

export const verifierCheckers: readonly Checker[] = [
  { name: 'verify, each bit flipped', check: () => verdicts(bitFlips(PACKAGE)) },
  { name: 'verify, each truncation', check: () => verdicts(truncations(PACKAGE)) },
  { name: 'verify, each bit flipped, CRCs repaired', check: () => verdicts(repaired(bitFlips(PACKAGE))) },
  { name: 'verify, each truncation, length and CRCs repaired', check: () => verdicts(repaired(shortened())) },
];

function* verdicts(corruptions: Iterable<Corruption>): Generator<Verdict> {
  for (const { what, octets } of corruptions) {
    const answer = run(verifyPackage(octets, TRUST));
    yield { what, refusal: answer.ok ? undefined : answer.fault.code };
  }
}

/** Where the CRC of the head stands, as a head says it. */
function headCrcAt(octets: Uint8Array): number {
  return octets.length < MANIFEST_BYTES_AT + 2
    ? octets.length
    : 148 + octets[MANIFEST_BYTES_AT]! + octets[MANIFEST_BYTES_AT + 1]! * 256;
}

/** With every CRC right again, so that structure and signatures must refuse. A flipped bit of a CRC is undone by that, and left out. */
function* repaired(corruptions: Iterable<Corruption>): Generator<Corruption> {
  for (const { what, octets } of corruptions) {
    const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
    const covered = [[0, headCrcAt(octets)] as const, ...RECORDS];
    for (const [start, end] of covered) {
      if (end + 4 <= octets.length) view.setUint32(end, crc32(octets.subarray(start, end)), true);
    }
    if (Buffer.compare(octets, PACKAGE) !== 0) yield { what, octets };
  }
}

/** From where to where the CRC-32 of each block goes; it stands right behind. */
const RECORDS = CONTAINER.blocks.map((block) => {
  const at = block.byteOffset - PACKAGE.byteOffset;
  return [at, at + block.length] as const;
});
const MANIFEST_BYTES_AT = 20;
const TOTAL_BYTES_AT = 8;

function* shortened(): Generator<Corruption> {
  for (const corruption of truncations(PACKAGE)) {
    const { octets } = corruption;
    if (octets.length >= TOTAL_BYTES_AT + 4) {
      new DataView(octets.buffer, octets.byteOffset).setUint32(TOTAL_BYTES_AT, octets.length, true);
    }
    yield corruption;
  }
}
