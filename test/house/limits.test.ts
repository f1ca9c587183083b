/** Goal: whoever asks how much, how long or how often finds the answer in one file per package. */
import { describe, expect, it } from 'vitest';
import { checkLimits } from './rules/limits.js';
import { isInSrc, isTest, isTypeScript, sources } from './tree.js';

describe('the rule of limits', () => {
  const broken: readonly (readonly [string, string])[] = [
    ['a constant', 'const SILENCE_MS_MAX = 6 * 60 * 60 * 1000;'],
    ['an exported constant with a type', 'export const FRAME_BYTES: number = 1024;'],
    ['a big constant', 'const COUNTER_MAX = (1n << 63n) - 1n;'],
    ['a constant in a function', 'function f() { const timeoutMs = 5_000; }'],
    ['a default of a parameter', 'function f(retryCount = 5) {}'],
    ['a default in a pattern', 'function f({ silenceMs = 5_000 }: O) {}'],
    ['a static member', 'class A { static readonly idleMsMax = 60_000; }'],
    ['a default width in a layout file', 'const BLOCK_BYTES_DEFAULT = 4096;'],
    ['a limits file that is not the package’s', 'export const WINDOW_BYTES_MAX = 65_536;'],
  ];
  const paths: Readonly<Record<string, string>> = {
    'a default width in a layout file': 'packages/journal/src/format.ts',
    'a limits file that is not the package’s': 'packages/dco/src/s1sp/limits.ts',
  };

  it.each(broken)('refuses %s', (what, text) => {
    const path = paths[what] ?? 'packages/dco/src/a.ts';
    expect(checkLimits({ path, text })).toEqual([expect.stringContaining(`${path}:1 declares the bound`)]);
  });

  it('lets through starts, derived values, other numbers and widths of fields', () => {
    const text = `
      import { SILENCE_MS_MAX } from './limits.js';
      const GRACE_MS = 2 * SILENCE_MS_MAX;
      const MAGIC = 0x0bef11e0;
      const CRC_BYTES = 4;
      function f(offsetBytes = 0) { let waitedMs = 5; const firstMs = 0; }
    `;
    expect(checkLimits({ path: 'packages/dco/src/a.ts', text })).toEqual([]);
    expect(checkLimits({ path: 'protocol/src/message/block-codec.ts', text: 'const HEADER_BYTES = 48;' })).toEqual([]);
    expect(checkLimits({ path: 'protocol/src/limits.ts', text: 'export const SILENCE_MS_MAX = 5_000;' })).toEqual([]);
  });
});

describe('the bounds of this tree', () => {
  it('live in limits files', () => {
    const checked = sources((path) => isTypeScript(path) && isInSrc(path) && !isTest(path));
    expect(checked.length).toBeGreaterThan(5);
    expect(checked.flatMap(checkLimits)).toEqual([]);
  });
});
