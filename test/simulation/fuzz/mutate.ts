/** Changes to octets that know a little of what they change: words of the protocol, lengths and CRCs made right again, pieces of other inputs. */
import type { Random } from '@smets1/host';
import { crc16, crc32, putU16, putU32 } from '@smets1/protocol';
import { DICTIONARY } from './words.js';

const STEPS_MAX = 6;
const INSERTED_MAX = 64;

/** A new input from `seed`; `others` lend pieces. Never changes what it is given. */
export function mutate(seed: Uint8Array, others: readonly Uint8Array[], random: Random, bytesMax: number): Uint8Array {
  let octets: Uint8Array = seed.slice();
  const steps = 1 + random.below(STEPS_MAX);
  for (let i = 0; i < steps; i++) octets = changed(octets, others, random);
  return octets.length > bytesMax ? octets.subarray(0, bytesMax) : octets;
}

function changed(octets: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  if (octets.length === 0) return random.octets(1 + random.below(INSERTED_MAX));
  const at = random.below(octets.length);
  switch (random.below(9)) {
    case 0:
      octets[at]! ^= 1 << random.below(8);
      return octets;
    case 1:
      octets[at] = random.below(256);
      return octets;
    case 2: {
      const word = random.pick(DICTIONARY);
      octets.set(word.subarray(0, octets.length - at), at);
      return octets;
    }
    case 3:
      return spliced(octets, at, 0, random.pick(DICTIONARY));
    case 4:
      return spliced(octets, at, 1 + random.below(INSERTED_MAX), EMPTY);
    case 5:
      return spliced(octets, at, 0, octets.slice(at, at + 1 + random.below(INSERTED_MAX)));
    case 6: {
      const other = random.pick(others);
      return spliced(octets, at, octets.length - at, other.subarray(random.below(other.length + 1)));
    }
    case 7: {
      octets.copyWithin(at, random.below(octets.length), random.below(octets.length));
      return octets;
    }
    default:
      return spliced(octets, at, 0, random.octets(1 + random.below(INSERTED_MAX)));
  }
}

const EMPTY = new Uint8Array(0);

function spliced(octets: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  const rest = octets.subarray(Math.min(octets.length, at + removed));
  const whole = new Uint8Array(at + added.length + rest.length);
  whole.set(octets.subarray(0, at));
  whole.set(added, at);
  whole.set(rest, at + added.length);
  return whole;
}

const TYPE_AT = 1;
const DATA_TYPE = 3;
const LENGTH_AT = 2;

/** Length and both CRCs as they should be, so that what is behind them gets to see the rest. In place. */
export function repairFrame(octets: Uint8Array): Uint8Array {
  const headerBytes = octets[TYPE_AT] === DATA_TYPE ? 18 : 12;
  if (octets.length < headerBytes + 6) return octets;
  octets[0] = 0x10;
  putU16(octets, LENGTH_AT, octets.length - headerBytes - 6);
  putU16(octets, headerBytes, crc16(octets.subarray(0, headerBytes)));
  putU32(octets, octets.length - 4, crc32(octets.subarray(0, octets.length - 4)));
  return octets;
}

/** Total length and the CRC of the head, where a package has them. In place. */
export function repairPackage(octets: Uint8Array): Uint8Array {
  if (octets.length < 400) return octets;
  putU32(octets, 8, octets.length);
  const crcAt = 24 + octets[20]! + octets[21]! * 256 + 60 + 64;
  if (crcAt + 4 <= octets.length) putU32(octets, crcAt, crc32(octets.subarray(0, crcAt)));
  return octets;
}
