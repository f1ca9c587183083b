/** One text for one value, so that states can be compared between runs, processes and releases. */
import { createHash } from 'node:crypto';
import { HostError } from '../error.js';
import { DIGEST_DEPTH_MAX } from '../limits.js';

/** SHA-256, in hex, of {@link canonicalJson}. */
export function stateDigest(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/**
 * JSON with keys in order and no blanks; octets as lower-case hex, bigints as decimal strings, maps and sets as arrays in their own order.
 * Fields that are undefined are left out.
 *
 * @throws {@link HostError} `misuse` for what has no such text: functions, symbols, numbers that are not finite, cycles.
 */
export function canonicalJson(value: unknown): string {
  return textOf(value, 0);
}

function textOf(value: unknown, depth: number): string {
  if (depth > DIGEST_DEPTH_MAX) throw noText(`a value nested deeper than ${DIGEST_DEPTH_MAX}, perhaps a cycle,`);
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'bigint':
      return `"${value}"`;
    case 'number':
      if (!Number.isFinite(value)) throw noText(`the number ${value}`);
      return JSON.stringify(value);
    case 'undefined':
      return 'null';
    case 'object':
      return value === null ? 'null' : objectText(value, depth);
    case 'function':
    case 'symbol':
      throw noText(`a ${typeof value}`);
  }
}

function objectText(value: object, depth: number): string {
  if (value instanceof Uint8Array)
    return `"${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}"`;
  if (Array.isArray(value)) return listText(value, depth);
  if (value instanceof Map || value instanceof Set) return listText([...value], depth);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${textOf(field, depth + 1)}`);
  return `{${fields.join(',')}}`;
}

function listText(items: readonly unknown[], depth: number): string {
  return `[${items.map((item) => textOf(item, depth + 1)).join(',')}]`;
}

function noText(what: string): HostError {
  return new HostError('misuse', `${what} has no digest: leave it out of the state`);
}
