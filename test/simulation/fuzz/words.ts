/** What the protocol's octets are made of: marks, types, codes and every bound, as numbers of one, two and four octets. */
import * as emulator from '@smets1/emulator';
import * as protocol from '@smets1/protocol';

const MARKS: readonly string[] = ['S1PK', 'S1MF', 'S1AU', 'S1OC', 'S1FLASH', 'S1', 'smets1-ota/'];

/** Every whole number that the packages export as a limit, and its neighbours. */
function limitNumbers(): readonly number[] {
  const numbers = [...Object.values(protocol), ...Object.values(emulator)].filter(
    (value): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32,
  );
  return [...new Set(numbers.flatMap((value) => [value - 1, value, value + 1]))].filter((value) => value >= 0);
}

const EDGES = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];
const CODES = [
  ...Object.values(protocol.HOST_TYPES),
  ...Object.values(protocol.METER_TYPES),
  ...Object.values(protocol.REFUSAL_CODES),
  ...Object.values(protocol.ALERT_CODES),
];

function asOctets(value: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);
}

export const DICTIONARY: readonly Uint8Array[] = [
  ...MARKS.map((mark) => protocol.asciiOctets(mark)),
  ...[...limitNumbers(), ...EDGES, ...CODES].flatMap((value) =>
    [1, 2, 4].filter((bytes) => value < 2 ** (8 * bytes)).map((bytes) => asOctets(value, bytes)),
  ),
];
