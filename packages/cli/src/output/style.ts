/** Words and colours for people. Colour is only ever an addition: every line says the same without it. */
import { styleText } from 'node:util';
import type { Terminal } from '../shell.js';

export type Tone = 'good' | 'bad' | 'warn' | 'quiet' | 'strong';

const STYLES = { good: 'green', bad: 'red', warn: 'yellow', quiet: 'dim', strong: 'bold' } as const;

/** `text` in the tone, where the terminal shows colours. */
export function toned(terminal: Terminal, tone: Tone, text: string): string {
  // Whether this stream shows colours was decided once; styleText would ask the environment again, and of stdout.
  return terminal.color ? styleText(STYLES[tone], text, { validateStream: false }) : text;
}

/** Lower case, as sha256sum prints it. */
export function hex(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('hex');
}

/** `121D` for 0x121d; `digits` wide. */
export function hexNumber(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

export function versionText(version: number): string {
  return hexNumber(version, 8);
}

/** `971,304`. */
export function counted(value: number): string {
  return value.toLocaleString('en-GB', { maximumFractionDigits: 0 });
}

/** `4 s`, `3 min 10 s`, `2 h 05 min`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Rows of a label and a value, the values below each other; a row without value is left out. */
export function rows(entries: readonly (readonly [label: string, value: string | undefined])[]): string {
  const shown = entries.filter((entry): entry is readonly [string, string] => entry[1] !== undefined);
  const width = Math.max(0, ...shown.map(([label]) => label.length));
  return shown.map(([label, value]) => `${label.padEnd(width)}  ${value}`).join('\n');
}
