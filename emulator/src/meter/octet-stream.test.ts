import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OctetReader, OctetWriter } from './octet-stream.js';

it('gives back every number that was written', () => {
  fc.assert(
    fc.property(
      fc.array(fc.maxSafeNat()),
      fc.array(fc.integer({ min: -(2 ** 51), max: 2 ** 51 })),
      (counts, signed) => {
        const to = new OctetWriter();
        to.list(counts);
        for (const value of signed) to.signed(value);
        const from = new OctetReader(to.octets);
        expect(from.list()).toEqual(counts);
        // No negative zero comes back.
        expect(signed.map(() => from.signed())).toEqual(signed.map((value) => value + 0));
      },
    ),
  );
});

it('writes little numbers in few octets', () => {
  const to = new OctetWriter();
  to.counts([0, 127, 128, 16_383, 16_384]);
  expect([...to.octets]).toEqual([0, 0x7f, 0x80, 0x01, 0xff, 0x7f, 0x80, 0x80, 0x01]);
});
