import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { METER_REASONS } from '../model/campaign-state.js';
import { counted, dayWords, grouped, instantWords, percent, reasonWords } from './wording.js';

describe('numbers in words', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1_000, '1,000'],
    [670_000, '670,000'],
    [1_234_567, '1,234,567'],
    [-12_000, '−12,000'],
    [0.125, '0.13'],
    [1_234.5, '1,234.5'],
  ])('%d is %s', (value, text) => {
    expect(grouped(value)).toBe(text);
  });

  it('are the number again without the commas', () => {
    fc.assert(
      fc.property(fc.nat(), (value) => {
        expect(Number(grouped(value).replaceAll(',', ''))).toBe(value);
      }),
    );
  });

  it('count one thing as one', () => {
    expect([counted(1, 'day'), counted(2_000, 'day'), counted(0, 'entry', 'entries')]).toEqual([
      '1 day',
      '2,000 days',
      '0 entries',
    ]);
  });
});

describe('a share in words', () => {
  it.each([
    [1, '100 %'],
    [0.999_999, '99.9 %'],
    [0.29, '29.0 %'],
    [0.001, '0.1 %'],
    [0.000_1, 'under 0.1 %'],
    [0, '0 %'],
  ])('%d is %s: never better than it is', (share, text) => {
    expect(percent(share)).toBe(text);
  });
});

describe('days and moments in words', () => {
  it('are UTC', () => {
    expect(dayWords('2027-03-04')).toBe('4 Mar 2027');
    expect(instantWords(Date.UTC(2027, 2, 4, 23, 59, 59))).toBe('2027-03-04 23:59');
    expect(instantWords(Date.UTC(2027, 2, 5))).toBe('2027-03-05 00:00');
  });
});

describe('the reasons', () => {
  it('each have words of their own', () => {
    expect(new Set(METER_REASONS.map(reasonWords)).size).toBe(METER_REASONS.length);
  });
});
