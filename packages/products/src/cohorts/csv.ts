/**
 * Strict CSV (RFC 4180 with lines that end one way), read once from left to right, for files that come out of other people's spreadsheets.
 * What is ambiguous is refused, not repaired: a device too many or too few in a cohort is a meter that gets firmware nobody asked for.
 */
import type { CsvFault, CsvFaultCode } from '../errors.js';
import { quoted } from '../errors.js';
import { CSV_CELL_CHARACTERS_MAX, CSV_CHARACTERS_MAX, CSV_COLUMNS_MAX, CSV_ROWS_MAX } from '../limits.js';

export interface Cell {
  readonly text: string;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

/** Takes one row, the header as line 1; what it returns ends the reading. */
export type OnRow = (cells: readonly Cell[], line: number) => CsvFault | undefined;

/**
 * Reads `text` row by row. A byte order mark is let through at the very beginning, and an end of line at the very end.
 *
 * Faults: `too-large`, `too-many-rows`, `too-many-columns`, `cell-too-long`; `byte-order-mark`, `control-character` (tabs, too), `line-end` (a
 * lone CR, or LF and CRLF in one file), `quoting`, `empty-line`, `cell-count` (not as many as the header), `formula` (a cell that begins
 * with `=`, `+`, `-` or `@`, which a spreadsheet would compute); and whatever `onRow` finds.
 */
export function scanCsv(text: string, onRow: OnRow): CsvFault | undefined {
  if (text.length > CSV_CHARACTERS_MAX)
    return csvFault('too-large', 1, 1, `more than ${CSV_CHARACTERS_MAX} characters`);
  const reader = new Reader(text, onRow);
  try {
    reader.document();
    return undefined;
  } catch (error) {
    if (error instanceof Stop) return error.fault;
    throw error;
  }
}

/** A fault with its place in the message, too. */
export function csvFault(code: CsvFaultCode, line: number, column: number, what: string): CsvFault {
  return { code, line, column, message: `line ${line}, column ${column}: ${what}` };
}

class Stop extends Error {
  readonly fault: CsvFault;
  constructor(fault: CsvFault) {
    super(fault.message);
    this.fault = fault;
  }
}

type LineEnd = '\n' | '\r\n';

const BYTE_ORDER_MARK = '\uFEFF';
// A bare cell ends before these; what stands there decides how it goes on.
const BARE = /[^,"\p{Cc}\uFEFF]*/uy;
const IN_QUOTES = /[^"\p{Cc}\uFEFF]*/uy;
const FORMULA = /^[=+\-@]/;

class Reader {
  readonly #text: string;
  readonly #onRow: OnRow;
  #at = 0;
  #line = 1;
  #lineStart = 0;
  #lineEnd: LineEnd | undefined;
  #cellCount: number | undefined;

  constructor(text: string, onRow: OnRow) {
    this.#text = text;
    this.#onRow = onRow;
    if (text.startsWith(BYTE_ORDER_MARK)) this.#at = this.#lineStart = BYTE_ORDER_MARK.length;
  }

  document(): void {
    for (; this.#at < this.#text.length; this.#line += 1) {
      this.#lineStart = this.#at;
      if (this.#line > CSV_ROWS_MAX + 1) this.#stop('too-many-rows', `more than ${CSV_ROWS_MAX} rows below the header`);
      const cells = this.#row();
      this.#cellCount ??= cells.length;
      if (cells.length !== this.#cellCount)
        this.#stopAt('cell-count', 1, `${cells.length} cells where the header has ${this.#cellCount}`);
      const found = this.#onRow(cells, this.#line);
      if (found !== undefined) throw new Stop(found);
    }
  }

  /** The cells of one line; the reader stands behind its end afterwards. */
  #row(): readonly Cell[] {
    if (this.#endOfLine()) this.#stopAt('empty-line', 1, 'an empty line; take it out');
    const cells: Cell[] = [];
    for (;;) {
      if (cells.length === CSV_COLUMNS_MAX) this.#stop('too-many-columns', `more than ${CSV_COLUMNS_MAX} columns`);
      cells.push(this.#cell());
      if (this.#at === this.#text.length || this.#endOfLine()) return cells;
      if (!this.#take(',')) this.#stop('quoting', 'something follows the closing quote; a comma is missing');
    }
  }

  #cell(): Cell {
    const column = this.#column();
    const text = this.#take('"') ? this.#inQuotes(column) : this.#bare();
    if (text.length > CSV_CELL_CHARACTERS_MAX)
      this.#stopAt('cell-too-long', column, `a cell of more than ${CSV_CELL_CHARACTERS_MAX} characters`);
    if (FORMULA.test(text))
      this.#stopAt('formula', column, `${quoted(text)} begins like a formula; a cohort holds plain text only`);
    return { text, column };
  }

  #bare(): string {
    const text = this.#match(BARE);
    if (this.#text[this.#at] === '"') this.#stop('quoting', 'a quote inside a cell that does not begin with one');
    this.#refuseControl();
    return text;
  }

  #inQuotes(column: number): string {
    let text = '';
    for (;;) {
      text += this.#match(IN_QUOTES);
      if (!this.#take('"')) {
        if (this.#at === this.#text.length || this.#isAtLineEnd())
          this.#stopAt('quoting', column, 'a quoted cell that does not end on its line');
        this.#refuseControl();
      }
      if (!this.#take('"')) return text;
      text += '"';
    }
  }

  #refuseControl(): void {
    const next = this.#text[this.#at];
    if (next === BYTE_ORDER_MARK) this.#stop('byte-order-mark', 'a byte order mark inside the file');
    if (next === undefined || next === ',' || this.#isAtLineEnd()) return;
    this.#stop('control-character', `the control character ${quoted(next)}`);
  }

  #isAtLineEnd(): boolean {
    const next = this.#text[this.#at];
    return next === '\n' || next === '\r';
  }

  /** Steps over an end of line, if the reader stands at one. */
  #endOfLine(): boolean {
    if (!this.#isAtLineEnd()) return false;
    const end: LineEnd = this.#text[this.#at] === '\n' ? '\n' : '\r\n';
    if (!this.#text.startsWith(end, this.#at)) this.#stop('line-end', 'a carriage return without a line feed');
    this.#lineEnd ??= end;
    if (end !== this.#lineEnd) this.#stop('line-end', 'lines end in two ways; save the file with one of them');
    this.#at += end.length;
    return true;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [text = ''] = pattern.exec(this.#text) ?? [];
    this.#at += text.length;
    return text;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #column(): number {
    return this.#at - this.#lineStart + 1;
  }

  #stop(code: CsvFaultCode, what: string): never {
    return this.#stopAt(code, this.#column(), what);
  }

  #stopAt(code: CsvFaultCode, column: number, what: string): never {
    throw new Stop(csvFault(code, this.#line, column, what));
  }
}
