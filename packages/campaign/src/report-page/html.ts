/** Markup that is built from trusted templates and distrusted values: whatever is put into a template is escaped, except markup itself. */

export interface Html {
  readonly markup: string;
}

export type HtmlValue = Html | string | number | undefined | readonly Html[];

/** Template tag. Text is escaped for elements and for quoted attributes; undefined is nothing. The indentation of a template is not sent. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const texts = unindented(parts);
  let markup = texts[0] ?? '';
  values.forEach((value, index) => {
    markup += markupOf(value) + (texts[index + 1] ?? '');
  });
  return { markup };
}

const known = new WeakMap<TemplateStringsArray, readonly string[]>();

function unindented(parts: TemplateStringsArray): readonly string[] {
  const before = known.get(parts);
  if (before !== undefined) return before;
  const texts = parts.map((part) => part.replace(/\n\s+/g, '\n'));
  known.set(parts, texts);
  return texts;
}

export const NOTHING: Html = { markup: '' };

/** Text as a reader sees it and no parser does: nothing in it opens or closes an element, an attribute or an entity. */
export function escaped(text: string): string {
  return visible(text).replace(/[&<>"'`]/g, (character) => ENTITIES[character] ?? '');
}

/**
 * With U+FFFD for what has no shape of its own: control characters, halves of a pair, and the marks that turn the direction of the text
 * after them. A name that shows one is odd, and looks odd.
 */
export function visible(text: string): string {
  return text.replace(UNSEEN, (found) => (found.length === 2 ? found : '\uFFFD'));
}

// Whole pairs match first, so that only halves are left over for the second range.
const UNSEEN =
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  /[\uD800-\uDBFF][\uDC00-\uDFFF]|[\uD800-\uDFFF]|[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]/g;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

function markupOf(value: HtmlValue): string {
  if (value === undefined) return '';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return escaped(value);
  if (isList(value)) return value.map(({ markup }) => markup).join('');
  return value.markup;
}

function isList(value: Html | readonly Html[]): value is readonly Html[] {
  return Array.isArray(value);
}
