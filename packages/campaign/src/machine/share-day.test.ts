/** Goal: a day's images are shared max-min fair, to the last image. Method: against giving them one by one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Claim, shareDay, shareOut, type Share } from './share-day.js';

/** One image after the other to whoever has the smallest part; fractions compared as whole numbers. */
function oneByOne(shares: readonly Share[], images: number): readonly number[] {
  const amounts = shares.map(() => 0);
  for (let k = 0; k < images; k += 1) {
    let best = -1;
    for (const [at, { asked, given, able }] of shares.entries()) {
      if (amounts[at]! >= able) continue;
      if (best < 0 || (given + amounts[at]!) * shares[best]!.asked < (shares[best]!.given + amounts[best]!) * asked)
        best = at;
    }
    if (best >= 0) amounts[best]! += 1;
  }
  return amounts;
}

const share = (asked: number, given = 0, able: number = asked - given): Share => ({ asked, given, able });

describe('a day that is shared', () => {
  it('is shared by population', () => {
    expect(shareDay([share(100), share(200), share(300)], 60)).toEqual([10, 20, 30]);
  });

  it('is shared by what was given before', () => {
    expect(shareDay([share(100, 10), share(100)], 30)).toEqual([10, 20]);
    expect(shareDay([share(100, 40), share(100)], 30)).toEqual([0, 30]);
  });

  it('goes, where parts are equal, to who asked first', () => {
    expect(shareDay([share(100), share(100), share(100)], 4)).toEqual([2, 1, 1]);
    expect(shareDay([share(100), share(100), share(100)], 1)).toEqual([1, 0, 0]);
    expect(shareDay([share(1_000_000), share(1)], 1)).toEqual([1, 0]);
    expect(shareDay([share(1_000_000), share(1)], 2)).toEqual([1, 1]);
  });

  it('leaves to others what somebody cannot take', () => {
    expect(shareDay([share(100, 0, 5), share(100)], 60)).toEqual([5, 55]);
    expect(shareDay([share(100, 0, 0), share(100)], 60)).toEqual([0, 60]);
  });

  it('gives everybody all they can take when there is enough, and no more', () => {
    expect(shareDay([share(100), share(20, 5)], 115)).toEqual([100, 15]);
    expect(shareDay([share(100), share(20, 5)], 1_000)).toEqual([100, 15]);
    expect(shareDay([share(100)], 0)).toEqual([0]);
    expect(shareDay([], 10)).toEqual([]);
  });

  it('is what one would give image by image', () => {
    let rounds = 0;
    const one = fc
      .record({
        asked: fc.integer({ min: 1, max: 400 }),
        givenPart: fc.nat({ max: 100 }),
        ablePart: fc.nat({ max: 100 }),
      })
      .map(({ asked, givenPart, ablePart }): Share => {
        const given = Math.floor((asked * givenPart) / 200);
        return { asked, given, able: Math.round(((asked - given) * ablePart) / 100) };
      });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 7 }), fc.nat({ max: 900 }), (shares, images) => {
        const amounts = shareDay(shares, images);
        expect(amounts).toEqual(oneByOne(shares, images));
        if (amounts.filter((amount) => amount > 0).length > 1) rounds += 1;
      }),
      { numRuns: 3_000, seed: 21 },
    );
    expect(rounds).toBeGreaterThan(1_500);
  });

  it('is shared to the image among millions, too', () => {
    const shares = [share(3_000_000), share(5_000_000), share(1), share(7_000_000, 900)];
    const amounts = shareDay(shares, 12_000);
    expect(amounts.reduce((sum, amount) => sum + amount)).toBe(12_000);
    expect(amounts).toEqual(oneByOne(shares, 12_000));
  });

  it('tells parts apart that are nearly equal', () => {
    const shares = [share(15_999_998, 7_999_999), share(15_999_999, 7_999_999)];
    expect(shareDay(shares, 1)).toEqual([0, 1]);
    expect(shareDay(shares.toReversed(), 1)).toEqual([1, 0]);
  });
});

describe('claims within claims', () => {
  const claim = (asked: number, able: number, within: readonly Claim[] = []): Claim => ({
    asked,
    given: 0,
    able,
    within,
  });

  it('share what the claim gets that they are within, and no more than it is able to take', () => {
    const [a, b, c] = [claim(100, 100), claim(200, 200), claim(300, 300)];
    const both = claim(300, 45, [a, b]);
    expect([...shareOut([both, c], 60)]).toEqual([
      [a, 10],
      [b, 20],
      [c, 30],
    ]);
    expect([...shareOut([both, c], 200)]).toEqual([
      [a, 15],
      [b, 30],
      [c, 155],
    ]);
  });
});
