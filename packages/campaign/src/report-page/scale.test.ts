import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkedDay } from '../time/civil.js';
import { countTicks, dayTicks, scaleOf } from './scale.js';

const labels = (ticks: readonly { readonly label: string }[]): readonly string[] => ticks.map(({ label }) => label);
const atMost = (count: number) => (ticks: readonly unknown[]) => ticks.length <= count;

describe('a scale', () => {
  it('is straight between its ends, in either direction', () => {
    const down = scaleOf(0, 200, 300, 20);
    expect([down(0), down(100), down(200)]).toEqual([300, 160, 20]);
  });

  it('puts everything at its beginning when the domain has no width', () => {
    expect(scaleOf(5, 5, 10, 90)(5)).toBe(10);
  });
});

describe('the ticks of counts', () => {
  it.each([
    [12_000, 5, ['0', '5,000', '10,000', '15,000']],
    [670_000, 5, ['0', '200,000', '400,000', '600,000', '800,000']],
    [0, 5, ['0', '1']],
    [3, 5, ['0', '1', '2', '3']],
    [7, 3, ['0', '5', '10']],
  ])('of %i in %i steps are round', (highest, steps, expected) => {
    expect(labels(countTicks(highest, steps))).toEqual(expected);
  });

  it('reach the highest figure, begin at 0, are whole, as far from each other, and no more than asked for', () => {
    fc.assert(
      fc.property(fc.nat(2_000_000), fc.integer({ min: 1, max: 12 }), (highest, steps) => {
        const places = countTicks(highest, steps).map(({ at }) => at);
        expect(places[0]).toBe(0);
        expect(places.at(-1)).toBeGreaterThanOrEqual(highest);
        expect(places.length).toBeLessThanOrEqual(steps + 1);
        expect(new Set(places.slice(1).map((at, index) => at - places[index]!)).size).toBe(1);
        expect(places.every(Number.isInteger)).toBe(true);
      }),
    );
  });
});

describe('the ticks of days', () => {
  const from = checkedDay('2026-11-25');

  it.each([
    [4, 9, ['25 Nov', '26 Nov', '27 Nov', '28 Nov', '29 Nov']],
    [11, 9, ['25 Nov', '27 Nov', '29 Nov', '1 Dec', '3 Dec', '5 Dec']],
    [30, 9, ['30 Nov', '7 Dec', '14 Dec', '21 Dec']],
    [60, 5, ['30 Nov', '14 Dec', '28 Dec', '11 Jan']],
    [120, 5, ['Dec 2026', 'Jan 2027', 'Feb', 'Mar']],
    [400, 5, ['Jan 2027', 'Apr', 'Jul', 'Oct']],
    [800, 5, ['Jan 2027', 'Jul', 'Jan 2028', 'Jul', 'Jan 2029']],
    [2_000, 6, ['2027', '2028', '2029', '2030', '2031', '2032']],
    [4_000, 4, ['2030', '2035']],
  ])('over %i more days, at most %i, are the finest that fit', (more, count, expected) => {
    expect(labels(dayTicks(from, from + more, atMost(count)))).toEqual(expected);
  });

  it('are at least the first day, when nothing fits', () => {
    expect(labels(dayTicks(from, from + 300, () => false))).toEqual(['25 Nov']);
  });

  it('lie within the days, in their order', () => {
    const first = fc.integer({ min: checkedDay('2000-01-01'), max: checkedDay('2180-01-01') });
    fc.assert(
      fc.property(first, fc.nat(4_000), fc.integer({ min: 1, max: 15 }), (day, more, count) => {
        const places = dayTicks(day, day + more, atMost(count)).map(({ at }) => at);
        expect(places.length).toBeGreaterThan(0);
        expect(places.length).toBeLessThanOrEqual(count);
        expect(
          places.every((at, index) => at >= day && at <= day + more && (index === 0 || at > places[index - 1]!)),
        ).toBe(true);
      }),
    );
  });
});
