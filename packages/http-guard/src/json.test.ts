import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from './json.js';
import { DEFAULT_LIMITS } from './limits.js';

const parse = (text: string) => parseJson(text, DEFAULT_LIMITS);
const reason = (text: string): string => {
  const parsed = parse(text);
  return parsed.ok ? 'accepted' : parsed.reason;
};

describe('the JSON reader', () => {
  it('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ noUnicodeString: false, maxDepth: 6 }),
        fc.constantFrom(undefined, 2),
        (value, indent) => {
          const text = JSON.stringify(value, undefined, indent);
          const parsed = parse(text);
          if (text.includes('"__proto__"')) expect(parsed.ok).toBe(false);
          else if (parsed.ok) expect(JSON.parse(JSON.stringify(parsed.value))).toEqual(JSON.parse(text));
          // What remains is an integer beyond 2^53 written without exponent.
          else expect([text, parsed.reason]).toEqual([text, 'a number too large']);
        },
      ),
    );
  });

  it('accepts nothing that JSON.parse refuses, and never throws', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '\\',
      '\\u12',
      '1',
      '-',
      '01',
      '1e5',
      '.',
      ' ',
      'true',
      'nul',
      '\n',
      '\u0001',
      '\ufeff',
      '\u00a0',
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
        const text = parts.join('');
        if (!parse(text).ok) return;
        accepted += 1;
        expect(() => JSON.parse(text) as unknown).not.toThrow();
      }),
      { numRuns: 5000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  it('gives objects without a prototype and refuses what would be read in two ways', () => {
    const parsed = parse('{"toString":1}');
    expect(parsed.ok && Object.getPrototypeOf(parsed.value)).toBe(null);
    expect(reason('{"a":1,"a":2}')).toBe('a key that comes twice');
    expect(reason('{"a":1,"\\u0061":2}')).toBe('a key that comes twice');
    expect(reason('[{"__proto__":{"x":1}}]')).toBe('a key that is not allowed');
    expect(reason('{"__pr\\u006fto__":1}')).toBe('a key that is not allowed');
    expect('x' in {}).toBe(false);
    expect(reason('9007199254740992')).toBe('a number too large');
    expect(reason('1e400')).toBe('a number too large');
    expect(reason('\ufeff1')).toBe('no value');
    expect(reason('1 2')).toBe('something follows the value');
  });

  it('holds its bounds on depth and number of values', () => {
    expect(reason('['.repeat(32) + ']'.repeat(32))).toBe('accepted');
    expect(reason('['.repeat(33) + ']'.repeat(33))).toMatch(/deep/);
    expect(reason('['.repeat(100_000))).toMatch(/deep/);
    const limits = { jsonDepthMax: 3, jsonValuesMax: 4 };
    expect(parseJson('[1,2,3]', limits).ok).toBe(true);
    expect(parseJson('[1,2,3,4]', limits).ok).toBe(false);
    const long = 'x'.repeat(1_500_000);
    expect(parse(JSON.stringify(`\n${long}\n`))).toEqual({ ok: true, value: `\n${long}\n` });
  });
});
