import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { STYLE, STYLE_HASH } from './style.js';

describe('the style sheet', () => {
  it('is the one that the policy of the page lets through', () => {
    expect(STYLE_HASH).toBe(`sha256-${createHash('sha256').update(STYLE).digest('base64')}`);
  });

  it('fetches nothing and ends no element', () => {
    expect(STYLE).not.toMatch(/url\(|@import|<|\/\//);
  });

  it('has a value in both schemes for each colour that it uses', () => {
    const used = new Set(STYLE.match(/var\(--[a-z0-9]+\)/g)?.map((one) => one.slice(6, -1)));
    const [light = '', dark = ''] = STYLE.split('@media (prefers-color-scheme:dark)').map((part) => part.slice(0, 900));
    expect(used.size).toBeGreaterThan(15);
    for (const name of used) {
      expect(light, name).toContain(`--${name}:`);
      expect(dark, name).toContain(`--${name}:`);
    }
  });
});
