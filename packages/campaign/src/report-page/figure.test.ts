import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clipped, rectangles, textUnits } from './figure.js';

describe('a label', () => {
  it('is left alone where it fits, and shortened where it does not', () => {
    expect(clipped('canto-security', 12, 500)).toBe('canto-security');
    expect(clipped('canto-security', 12, 60)).toBe('canto-…');
  });

  it('fits after that, and no character of it is cut in two', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 20, max: 400 }), (text, room) => {
        const shown = clipped(text, 12, room);
        expect(textUnits(shown, 12)).toBeLessThanOrEqual(room);
        expect(text.startsWith(shown.replace(/…$/, ''))).toBe(true);
        expect(shown).not.toMatch(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])/);
      }),
    );
  });
});

describe('rectangles in one path', () => {
  it('are one closed part each, without those that have no area', () => {
    const box = { x: 1.04, y: 2, width: 3, height: 4 };
    expect(rectangles([box, { ...box, height: 0 }, { ...box, width: 0.01 }])).toBe('M1 2h3v4h-3zM1 2h0.1v4h-0.1z');
  });
});
