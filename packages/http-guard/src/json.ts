/**
 * JSON for input that nobody trusts: JSON.parse would take the last of two equal keys, has no bound on depth, gives objects a
 * prototype and rounds large integers. Objects here have none, and what is ambiguous is refused.
 */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export type ParsedJson =
  | { readonly ok: true; readonly value: JsonValue }
  | { readonly ok: false; readonly reason: string; readonly at: number };

export interface JsonLimits {
  readonly jsonDepthMax: number;
  readonly jsonValuesMax: number;
}

/** @returns the value, or why not and at which character. Never throws. */
export function parseJson(text: string, limits: JsonLimits): ParsedJson {
  const parser = new Parser(text, limits);
  try {
    return { ok: true, value: parser.document() };
  } catch (error) {
    if (error instanceof Stop) return { ok: false, reason: error.message, at: error.at };
    throw error;
  }
}

class Stop extends Error {
  readonly at: number;
  constructor(reason: string, at: number) {
    super(reason);
    this.at = at;
  }
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const SPACE_UNIT = 0x20;
const QUOTE_UNIT = 0x22;
const BACKSLASH_UNIT = 0x5c;
const WORDS = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const;
/** Harmless here, but code downstream that copies the object into an ordinary one would set its prototype. */
const FORBIDDEN_KEY = '__proto__';

class Parser {
  readonly #text: string;
  readonly #limits: JsonLimits;
  #at = 0;
  #values = 0;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  document(): JsonValue {
    const value = this.#value(1);
    if (this.#at < this.#text.length) throw this.#stop('something follows the value');
    return value;
  }

  /** One value and the space on both sides of it. */
  #value(depth: number): JsonValue {
    this.#values += 1;
    if (this.#values > this.#limits.jsonValuesMax) throw this.#stop(`more than ${this.#limits.jsonValuesMax} values`);
    if (depth > this.#limits.jsonDepthMax) throw this.#stop(`nested more than ${this.#limits.jsonDepthMax} deep`);
    this.#match(SPACE);
    const value = this.#bare(depth);
    this.#match(SPACE);
    return value;
  }

  #bare(depth: number): JsonValue {
    const next = this.#text[this.#at];
    if (next === '{') return this.#object(depth);
    if (next === '[') return this.#array(depth);
    if (next === '"') return this.#string();
    for (const [word, value] of WORDS) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#number();
  }

  #object(depth: number): JsonValue {
    const object: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>;
    this.#at += 1;
    this.#match(SPACE);
    if (this.#take('}')) return object;
    for (;;) {
      this.#match(SPACE);
      const keyAt = this.#at;
      const key = this.#string();
      if (key === FORBIDDEN_KEY) throw new Stop('a key that is not allowed', keyAt);
      if (key in object) throw new Stop('a key that comes twice', keyAt);
      this.#match(SPACE);
      if (!this.#take(':')) throw this.#stop('a colon is missing');
      object[key] = this.#value(depth + 1);
      if (this.#take('}')) return object;
      if (!this.#take(',')) throw this.#stop('a comma or } is missing');
    }
  }

  #array(depth: number): JsonValue {
    const array: JsonValue[] = [];
    this.#at += 1;
    this.#match(SPACE);
    if (this.#take(']')) return array;
    for (;;) {
      array.push(this.#value(depth + 1));
      if (this.#take(']')) return array;
      if (!this.#take(',')) throw this.#stop('a comma or ] is missing');
    }
  }

  #string(): string {
    const start = this.#at;
    if (!this.#take('"')) throw this.#stop('a string is missing');
    let escaped = false;
    // By hand, not by one regular expression: its stack would bound the length of a string, not our limits.
    for (let at = start + 1; at < this.#text.length; at += 1) {
      const unit = this.#text.charCodeAt(at);
      if (unit < SPACE_UNIT) break;
      if (unit === QUOTE_UNIT) {
        this.#at = at + 1;
        const inner = this.#text.slice(start + 1, at);
        return escaped ? unescaped(inner, start) : inner;
      }
      if (unit === BACKSLASH_UNIT) {
        escaped = true;
        at += 1;
      }
    }
    throw new Stop('a string without end or with a control character', start);
  }

  #number(): number {
    const literal = this.#match(NUMBER);
    if (literal === undefined) throw this.#stop('no value');
    const value = Number(literal[0]);
    const isInteger = literal[1] === undefined && literal[2] === undefined;
    if (!Number.isFinite(value) || (isInteger && !Number.isSafeInteger(value))) throw this.#stop('a number too large');
    return value;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #stop(reason: string): Stop {
    return new Stop(reason, this.#at);
  }
}

/** Resolves escapes by the platform's own parser, which also refuses wrong ones. */
function unescaped(inner: string, at: number): string {
  try {
    return JSON.parse(`"${inner}"`) as string;
  } catch {
    throw new Stop('a string with a wrong escape', at);
  }
}
