/**
 * The one typed, range-checked wrapper around buffer-layout: a layout is drawn once, each field named once, its offset derived.
 * buffer-layout itself takes only a Buffer, reads past a short source silently and lets numbers wrap, so all three are checked here.
 */
import { Buffer } from '#buffer';
import * as bufferLayout from 'buffer-layout';
import { LocalProtocolError } from '../errors.js';

type Kind = 'u8' | 'u16' | 'u32' | 'u64' | 'octets' | 'reserved';

export interface Field<T> {
  readonly kind: Kind;
  readonly bytes: number;
  /** Never set: carries the type of the decoded value. */
  readonly value?: T;
}

export const u8: Field<number> = { kind: 'u8', bytes: 1 };
export const u16: Field<number> = { kind: 'u16', bytes: 2 };
export const u32: Field<number> = { kind: 'u32', bytes: 4 };
export const u64: Field<bigint> = { kind: 'u64', bytes: 8 };
/** A fixed run of octets; decoded as a copy. */
export function octets(bytes: number): Field<Uint8Array> {
  return { kind: 'octets', bytes };
}
/** Octets that are written as zero; `decode` gives them back so that signed objects can refuse what is not zero. */
export function reserved(bytes: number): Field<Uint8Array> {
  return { kind: 'reserved', bytes };
}

type Fields = Readonly<Record<string, Field<unknown>>>;
type FieldValue<F> = F extends Field<infer T> ? T : never;
type ReservedNames<F extends Fields> = { [K in keyof F]: K extends `reserved${string}` ? K : never }[keyof F];

/** What a layout decodes to and encodes from; fields named `reserved…` are left out. */
export type Plain<F extends Fields> = { readonly [K in Exclude<keyof F, ReservedNames<F>>]: FieldValue<F[K]> };

export interface Layout<F extends Fields> {
  readonly bytes: number;
  /** Offset of each field from the start of the layout. */
  readonly at: { readonly [K in keyof F]: number };
  /**
   * Writes `value` at `offsetBytes` of `target`.
   *
   * @throws {@link LocalProtocolError} when a number is out of its field's range, an octet run has another length, or the target is too short.
   */
  encodeInto(value: Plain<F>, target: Uint8Array, offsetBytes: number): void;
  encode(value: Plain<F>): Uint8Array;
  /**
   * Reads at `offsetBytes`; the caller has checked that `bytes` octets are there.
   *
   * @throws {@link LocalProtocolError} when they are not.
   */
  decode(source: Uint8Array, offsetBytes?: number): Plain<F>;
  /** True when every reserved octet is zero. */
  reservedIsZero(source: Uint8Array, offsetBytes?: number): boolean;
}

export function layout<const F extends Fields>(fields: F): Layout<F> {
  const entries = Object.entries(fields);
  const at = offsetsOf(entries);
  const bytes = entries.reduce((sum, [, field]) => sum + field.bytes, 0);
  const struct = bufferLayout.struct(entries.flatMap(([name, field]) => parts(name, field)));
  const reservedRuns = entries
    .filter(([, f]) => f.kind === 'reserved')
    .map(([name, f]) => [at[name]!, f.bytes] as const);
  // Filled anew by each encoding, and never seen outside: buffer-layout wants an object, and one for each frame is garbage.
  const plain: Record<string, unknown> = {};
  const numbers = entries.filter(([, f]) => f.kind !== 'reserved' && f.kind !== 'octets');
  const reservedNames = entries.filter(([, f]) => f.kind === 'reserved').map(([name]) => name);
  const wide = entries.filter(([, f]) => f.kind === 'u64').map(([name]) => name);
  const runs = entries
    .filter(([, f]) => f.kind === 'octets')
    .map(([name, f]) => ({ name, start: at[name]!, length: f.bytes }));

  function encodeInto(value: Plain<F>, target: Uint8Array, offsetBytes: number): void {
    if (offsetBytes + bytes > target.length)
      throw new LocalProtocolError(`layout of ${bytes} octets at ${offsetBytes} of ${target.length}`);
    const source = value as Readonly<Record<string, unknown>>;
    for (const [name, field] of numbers) plain[name] = checked(name, field, source[name]);
    for (const { name, length } of runs) checkRun(name, length, source[name]);
    for (const name of wide) splitWide(plain, name);
    struct.encode(plain, bufferOver(target), offsetBytes);
    // By hand: for runs of octets buffer-layout asks for a global Buffer, which a browser does not have.
    for (const { name, start } of runs) target.set(source[name] as Uint8Array, offsetBytes + start);
    for (const [start, length] of reservedRuns) target.fill(0, offsetBytes + start, offsetBytes + start + length);
  }

  return {
    bytes,
    at: at as { [K in keyof F]: number },
    encodeInto,
    encode(value) {
      const target = new Uint8Array(bytes);
      encodeInto(value, target, 0);
      return target;
    },
    decode(source, offsetBytes = 0) {
      if (offsetBytes + bytes > source.length)
        throw new LocalProtocolError(`layout of ${bytes} octets at ${offsetBytes} of ${source.length}`);
      const decoded = struct.decode(bufferOver(source), offsetBytes);
      for (const name of wide) joinWide(decoded, name);
      for (const { name } of runs) decoded[name] = new Uint8Array(decoded[name] as Uint8Array);
      for (const name of reservedNames) delete decoded[name];
      return decoded as Plain<F>;
    },
    reservedIsZero(source, offsetBytes = 0) {
      return reservedRuns.every(([start, length]) => {
        for (let i = 0; i < length; i++) if (source[offsetBytes + start + i] !== 0) return false;
        return true;
      });
    },
  };
}

/** A number after what a layout draws: the two CRCs of a frame. */
export function putU16(target: Uint8Array, offsetBytes: number, value: number): void {
  target[offsetBytes] = value & 0xff;
  target[offsetBytes + 1] = value >>> 8;
}

export function getU16(source: Uint8Array, offsetBytes: number): number {
  return source[offsetBytes]! | (source[offsetBytes + 1]! << 8);
}

export function putU32(target: Uint8Array, offsetBytes: number, value: number): void {
  putU16(target, offsetBytes, value & 0xffff);
  putU16(target, offsetBytes + 2, value >>> 16);
}

export function getU32(source: Uint8Array, offsetBytes: number): number {
  return (getU16(source, offsetBytes) | (getU16(source, offsetBytes + 2) << 16)) >>> 0;
}

const MAX = { u8: 0xff, u16: 0xffff, u32: 0xffffffff } as const;
const U64_END = 1n << 64n;

function checked(name: string, field: Field<unknown>, value: unknown): unknown {
  switch (field.kind) {
    case 'u8':
    case 'u16':
    case 'u32':
      if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX[field.kind]) return value;
      throw new LocalProtocolError(`${name} is not a ${field.kind}: ${String(value)}`);
    case 'u64':
      if (typeof value === 'bigint' && value >= 0n && value < U64_END) return value;
      throw new LocalProtocolError(`${name} is not a u64: ${String(value)}`);
    case 'octets':
    case 'reserved':
      return undefined;
  }
}

function checkRun(name: string, length: number, value: unknown): void {
  if (value instanceof Uint8Array && value.length === length) return;
  throw new LocalProtocolError(`${name} is not a run of ${length} octets`);
}

function parts(name: string, field: Field<unknown>): bufferLayout.Layout[] {
  switch (field.kind) {
    case 'u8':
      return [bufferLayout.u8(name)];
    case 'u16':
      return [bufferLayout.u16(name)];
    case 'u32':
      return [bufferLayout.u32(name)];
    case 'u64': // two halves: buffer-layout's own 64-bit integers decode to a Number and lose octets past 2^53
      return [bufferLayout.u32(`${name}.low`), bufferLayout.u32(`${name}.high`)];
    case 'octets':
    case 'reserved':
      return [bufferLayout.blob(field.bytes, name)];
  }
}

function splitWide(plain: Record<string, unknown>, name: string): void {
  const value = plain[name] as bigint;
  plain[`${name}.low`] = Number(value & 0xffffffffn);
  plain[`${name}.high`] = Number(value >> 32n);
}

function joinWide(plain: Record<string, unknown>, name: string): void {
  plain[name] = (BigInt(plain[`${name}.high`] as number) << 32n) | BigInt(plain[`${name}.low`] as number);
  delete plain[`${name}.low`];
  delete plain[`${name}.high`];
}

function offsetsOf(entries: readonly (readonly [string, Field<unknown>])[]): Record<string, number> {
  const at: Record<string, number> = {};
  let offset = 0;
  for (const [name, field] of entries) {
    at[name] = offset;
    offset += field.bytes;
  }
  return at;
}

function bufferOver(view: Uint8Array): OctetBuffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}
