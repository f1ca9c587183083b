/** Our caller's mistake is thrown, what is wrong with somebody's file is returned. */
import { QUOTED_CHARACTERS_MAX } from './limits.js';

/** The one error that this package throws. */
export class ProductsError extends Error {
  readonly code = 'misuse';
  constructor(message: string) {
    super(message);
    this.name = 'ProductsError';
  }
}

/** Why product lists are not taken. */
export type ListFaultCode =
  'malformed' | 'duplicate-entry' | 'duplicate-product' | 'unknown-entry' | 'upgrades-itself' | 'duplicate-upgrade';

/** Why a cohort file is not taken. */
export type CsvFaultCode =
  | 'too-large'
  | 'too-many-rows'
  | 'too-many-columns'
  | 'cell-too-long'
  | 'byte-order-mark'
  | 'control-character'
  | 'line-end'
  | 'quoting'
  | 'empty-line'
  | 'cell-count'
  | 'header'
  | 'no-rows'
  | 'formula'
  | 'device-id'
  | 'entry-id'
  | 'duplicate-device';

export interface ListFault {
  readonly code: ListFaultCode;
  /** What is wrong and what to do, for people. */
  readonly message: string;
  /** Where in the lists, as `cpl.3.upgradableFrom.0`; empty when it is the whole. */
  readonly path: string;
}

export interface CsvFault {
  readonly code: CsvFaultCode;
  /** What is wrong and what to do, for people. */
  readonly message: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units; a byte order mark at the beginning is not counted. */
  readonly column: number;
}

export type Checked<T, F> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: F };

/** Foreign text as a message may repeat it: cut short, and with nothing in it that a terminal would obey. */
export function quoted(text: string): string {
  return text.length > QUOTED_CHARACTERS_MAX ? `${visible(text.slice(0, QUOTED_CHARACTERS_MAX))}…` : visible(text);
}

function visible(text: string): string {
  return JSON.stringify(text).replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
