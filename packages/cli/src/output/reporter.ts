/** What a command tells while it works: JSON, one object a line, for programs; or sentences and a progress line for people. */
import type { Shell } from '../shell.js';
import { progressDisplay, type Progress } from './progress.js';
import { hex, toned } from './style.js';

export type JsonFields = Readonly<Record<string, unknown>>;

export interface Reporter {
  readonly isJson: boolean;
  /** Something happened. `text` is the line that people see; without it they see nothing. */
  event(name: string, fields: JsonFields, text?: string): void;
  /** Octets went on their way, or meters came to their end. For programs an event `progress` with `fields`. */
  progress(progress: Progress, fields?: JsonFields): void;
  /** Something that a careful user wants to know. */
  warn(text: string): void;
  /** The last word, to be said once. */
  result(fields: JsonFields, text: string): void;
  /** The last word of a command that did not do what it was asked. */
  failure(fields: JsonFields, cause: string, wayOut: string | undefined): void;
}

export function jsonReporter(shell: Shell): Reporter {
  const line = (fields: JsonFields): void => shell.stdout.write(`${toJson(fields)}\n`);
  return {
    isJson: true,
    event: (event, fields) => line({ event, ...fields }),
    progress: (progress, fields = {}) => line({ event: 'progress', ...progress, label: undefined, ...fields }),
    warn: (detail) => line({ event: 'warning', detail }),
    result: (fields) => line({ event: 'result', ...fields }),
    failure: (fields, detail, wayOut) => line({ event: 'result', ...fields, detail, wayOut }),
  };
}

/** Results and events go to stdout; progress, warnings and failures to stderr. */
export function textReporter(shell: Shell): Reporter {
  const { stdout, stderr } = shell;
  const display = progressDisplay(stderr, shell.nowMs);
  const print = (text: string): void => {
    display.clear();
    stdout.write(`${text}\n`);
  };
  const complain = (text: string): void => {
    display.clear();
    stderr.write(`${text}\n`);
  };
  return {
    isJson: false,
    event: (_, __, text) => {
      if (text !== undefined) print(text);
    },
    progress: (progress) => display.show(progress),
    warn: (text) => complain(`${toned(stderr, 'warn', 'warning:')} ${text}`),
    result: (_, text) => print(text),
    failure: (_, cause, wayOut) => {
      complain(`${toned(stderr, 'bad', 'smets1:')} ${cause}`);
      if (wayOut !== undefined) complain(`        ${wayOut}`);
    },
  };
}

/** JSON in which octets are hex, and whole numbers that JSON cannot hold are text. */
export function toJson(value: object): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (inner instanceof Uint8Array) return hex(inner);
    if (typeof inner === 'bigint') return Number.isSafeInteger(Number(inner)) ? Number(inner) : String(inner);
    return inner;
  });
}
