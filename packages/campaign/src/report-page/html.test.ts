import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escaped, html, visible } from './html.js';

describe('a template', () => {
  it('escapes text in elements and attributes, and leaves markup as it is', () => {
    const inner = html`<b>${'<&>'}</b>`;
    expect(html`<p title="${'"\'`'}">${inner}${3}${undefined}${[inner, inner]}</p>`.markup).toBe(
      '<p title="&quot;&#39;&#96;"><b>&lt;&amp;&gt;</b>3<b>&lt;&amp;&gt;</b><b>&lt;&amp;&gt;</b></p>',
    );
  });

  it('does not send its indentation, and keeps that of a value', () => {
    const parts = ['<p>\n      ', '\n    </p>'];
    expect(html(Object.assign(parts, { raw: parts }), 'a\n  b').markup).toBe('<p>\na\n  b\n</p>');
  });

  it('leaves nothing of any text that could open or close markup', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escaped(text)).not.toMatch(/[<>"'`]|&(?!(?:amp|lt|gt|quot|#39|#96);)/);
      }),
    );
  });

  it('loses nothing but what cannot be seen: unescaped again, a text is itself', () => {
    const entities: Readonly<Record<string, string>> = {
      amp: '&',
      lt: '<',
      gt: '>',
      quot: '"',
      '#39': "'",
      '#96': '`',
    };
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(escaped(text).replace(/&([^;]+);/g, (_, name: string) => entities[name] ?? '?')).toBe(visible(text));
      }),
    );
  });
});

describe('what has no shape of its own', () => {
  it.each([
    ['a null', 'a\u0000b'],
    ['an escape', 'a\u001Bb'],
    ['a C1 control', 'a\u0085b'],
    ['a half of a pair', 'a\uD83Db'],
    ['the other half', 'a\uDE00b'],
    ['an override of direction', 'a\u202Eb'],
    ['an isolate', 'a\u2066b'],
    ['a carriage return', 'a\rb'],
  ])('is shown as a replacement: %s', (_, text) => {
    expect(visible(text)).toBe('a\uFFFDb');
  });

  it('is not confused with whole pairs, tabs, line ends, accents and other scripts', () => {
    const text = 'Zoë 电力 كهرباء 😀\t\n';
    expect(visible(text)).toBe(text);
  });
});
