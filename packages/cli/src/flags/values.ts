/** Reads the values of options. What is thrown here becomes a usage error that names the option. */
import {
  BLOCK_BYTES_MAX,
  BLOCK_BYTES_MIN,
  CAPACITY_PER_DAY_MAX,
  INSTANT_S_MAX,
  LOAD_W_MAX,
  PORT_MAX,
} from '../limits.js';

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** `121D`, `0x121d`: a number of at most `digits` hex digits. */
export function hexValue(digits: number): (text: string) => number {
  return (text) => {
    const found = new RegExp(`^(?:0[xX])?([0-9A-Fa-f]{1,${digits}})$`).exec(text)?.[1];
    if (found === undefined)
      throw new TypeError(`1 to ${digits} hex digits are wanted, as in ${'121D0001'.slice(0, digits)}`);
    return Number.parseInt(found, 16);
  };
}

/** `1111..1211`, or `1111` for that one value. */
export function hexRange(digits: number): (text: string) => Range {
  const value = hexValue(digits);
  return (text) => {
    const [first = '', last = first, ...more] = text.split('..');
    if (more.length > 0) throw new TypeError('a range is FIRST..LAST');
    const range = { min: value(first), max: value(last) };
    if (range.max < range.min) throw new TypeError('the range ends before it begins');
    return range;
  };
}

/** A whole number, decimal or with `0x`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^(?:[0-9]{1,15}|0[xX][0-9A-Fa-f]{1,12})$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(value) || value < min || value > max)
      throw new TypeError(`a whole number from ${min} to ${max} is wanted`);
    return value;
  };
}

/** Likewise, beyond what a number holds. */
export function bigWholeNumber(min: bigint, max: bigint): (text: string) => bigint {
  return (text) => {
    const value = /^(?:[0-9]{1,19}|0[xX][0-9A-Fa-f]{1,16})$/.test(text) ? BigInt(text) : undefined;
    if (value === undefined || value < min || value > max)
      throw new TypeError(`a whole number from ${min} to ${max} is wanted`);
    return value;
  };
}

/** 256, 512, … 65536. */
export function blockBytes(text: string): number {
  const bytes = wholeNumber(BLOCK_BYTES_MIN, BLOCK_BYTES_MAX)(text);
  if (!Number.isInteger(Math.log2(bytes))) throw new TypeError('a power of two is wanted, as in 4096');
  return bytes;
}

/** Seconds since 1970 of an ISO 8601 instant (`2026-12-01T00:00:00Z`) or of that many seconds themselves. */
export function instantS(text: string): number {
  if (/^[0-9]{1,10}$/.test(text)) return wholeNumber(0, INSTANT_S_MAX)(text);
  // Without a zone the same line would mean another instant on another machine.
  const isIso = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})$/.test(text);
  const seconds = isIso ? Date.parse(text) / 1000 : Number.NaN;
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > INSTANT_S_MAX) {
    throw new TypeError('an instant with its zone is wanted, as in 2026-12-01T00:00:00Z, or seconds since 1970');
  }
  return seconds;
}

/** `1%`, `0.5%`, `0.01`: a share from nothing to all. */
export function share(text: string): number {
  const [, digits, percent] = /^([0-9]{1,3}(?:\.[0-9]{1,6})?)(%?)$/.exec(text) ?? [];
  const value = digits === undefined ? Number.NaN : Number(digits) / (percent === '%' ? 100 : 1);
  if (!(value >= 0 && value <= 1)) throw new TypeError('a share is wanted, as in 1% or 0.01');
  return value;
}

/** `2026-12-01`, a day in UTC that the calendar has. */
export function day(text: string): string {
  const atMs = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(atMs) || new Date(atMs).toISOString().slice(0, 10) !== text)
    throw new TypeError('a day is wanted, as in 2026-12-01');
  return text;
}

/** 64 hex digits: the SHA-256 of a Manufacturer Image. */
export function imageHash(text: string): string {
  if (!/^[0-9A-Fa-f]{64}$/.test(text))
    throw new TypeError('64 hex digits are wanted, as `package inspect` prints them');
  return text.toLowerCase();
}

/** Eight octets: `00-DB-12-34-56-78-90-A0`, with dashes, colons or neither. */
export function eui64(text: string): Uint8Array {
  const digits = /^(?:[0-9A-Fa-f]{2}([-:]?))(?:[0-9A-Fa-f]{2}\1){6}[0-9A-Fa-f]{2}$/.test(text)
    ? text.replaceAll(/[-:]/g, '')
    : undefined;
  if (digits === undefined) throw new TypeError('an EUI-64 is wanted, as in 00-DB-12-34-56-78-90-A0');
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

/** Which key a file holds: `supplier=supplier.pub.pem`, or a bare path for every role there is. */
export interface TrustedKeyFile {
  readonly role: 'manufacturer' | 'supplier' | 'dco' | 'bench';
  readonly path: string;
}

export function trustedKeyFile(text: string): TrustedKeyFile {
  const [, name, path] = /^([A-Za-z-]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) {
    if (text === '') throw new TypeError('ROLE=PEM is wanted, as in supplier=keys/supplier.pub.pem');
    return { role: 'bench', path: text };
  }
  const role = TRUST_ROLES.find((known) => known === name);
  if (role === undefined || path === '' || path === undefined) {
    throw new TypeError(`ROLE=PEM is wanted with one of the roles ${TRUST_ROLES.join(', ')}`);
  }
  return { role, path };
}

const TRUST_ROLES = ['manufacturer', 'supplier', 'dco'] as const;

export interface SupplierKeyFile {
  /** As a product list writes it; undefined: the key of every User. */
  readonly userId: string | undefined;
  readonly path: string;
}

/** `90-B3-D5-1F-30-01-00-00=supplier.key.pem`, or a PEM alone for every User. */
export function supplierKeyFile(value: string): SupplierKeyFile {
  const [, userId, path] = /^((?:[0-9A-Fa-f]{2}-){7}[0-9A-Fa-f]{2})=(.*)$/s.exec(value) ?? [];
  const file = path ?? value;
  if (file === '') throw new TypeError('[USER=]PEM is wanted, as in 90-B3-D5-1F-30-01-00-00=keys/supplier.key.pem');
  return { userId: userId?.toUpperCase(), path: file };
}

/** `household`, or a power in watts. */
export function loadWish(
  value: string,
): { readonly kind: 'household' } | { readonly kind: 'constant'; readonly watts: number } {
  if (value === 'household') return { kind: 'household' };
  if (!/^[0-9]{1,6}$/.test(value) || Number(value) > LOAD_W_MAX) {
    throw new TypeError(`household, or watts from 0 to ${LOAD_W_MAX}, is wanted`);
  }
  return { kind: 'constant', watts: Number(value) };
}

const LEFT_OUT = ['windows', 'other-traffic', 'incidents', 'pauses'] as const;

/** `capacity=24000`, or `without=` what is left out. */
export function whatIfWish(
  value: string,
): { readonly capacityPerDay: number } | { readonly without: readonly (typeof LEFT_OUT)[number][] } {
  const [, name, wish = ''] = /^(capacity|without)=(.+)$/.exec(value) ?? [];
  const isCapacity = name === 'capacity' && /^[0-9]{1,7}$/.test(wish) && Number(wish) <= CAPACITY_PER_DAY_MAX;
  if (isCapacity) return { capacityPerDay: Number(wish) };
  const left = LEFT_OUT.find((one) => name === 'without' && one === wish);
  if (left === undefined)
    throw new TypeError(`capacity=N up to ${CAPACITY_PER_DAY_MAX}, or without=${LEFT_OUT.join('|')} is wanted`);
  return { without: [left] };
}

/** Any text that is not empty: paths, addresses. */
export function text(value: string): string {
  if (value === '') throw new TypeError('it is empty');
  return value;
}

/** `127.0.0.1:8080`, `[::1]:8080`, or a port alone on loopback; port 0 lets the system choose. */
export function listenAddress(value: string): { readonly host: string; readonly port: number } {
  const [, bracketed, host, port] = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]/]+)):)?([0-9]{1,5})$/.exec(value) ?? [];
  if (port === undefined || Number(port) > PORT_MAX) throw new TypeError('HOST:PORT is wanted, as in 127.0.0.1:8080');
  return { host: bracketed ?? host ?? '127.0.0.1', port: Number(port) };
}

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
