/** The TLVs at the end of a manifest (SPEC.md §4). */
import { bad, good, LocalProtocolError, type Checked } from '../errors.js';
import { layout, u16 } from '../layout/layout.js';
import { concat } from '../layout/octets.js';
import { LABEL_BYTES_MAX } from '../limits.js';
import type { PackageFault } from '../refusal.js';

export interface ManifestTail {
  readonly label?: string;
}

/** @throws {@link LocalProtocolError} when the label is empty, too long, or no text. */
export function encodeTail(label: string | undefined): Uint8Array {
  if (label === undefined) return new Uint8Array(0);
  const value = utf8Octets(label);
  if (value.length < 1 || value.length > LABEL_BYTES_MAX) {
    throw new LocalProtocolError(`a label has 1 to ${LABEL_BYTES_MAX} octets of UTF-8, not ${value.length}`);
  }
  return concat(TLV_HEAD.encode({ type: TYPE_LABEL, valueBytes: value.length }), value);
}

/** Reads what lies between the fixed part and the signature. Faults: `malformed`, `unknownCriticalField`. */
export function decodeTail(source: Uint8Array): Checked<ManifestTail, PackageFault> {
  let tail: ManifestTail = {};
  let previousType = -1;
  for (let at = 0; at < source.length;) {
    if (source.length - at < TLV_HEAD.bytes)
      return bad('malformed', 'the last TLV of the manifest runs into the signature');
    const { type, valueBytes } = TLV_HEAD.decode(source, at);
    const valueAt = at + TLV_HEAD.bytes;
    at = valueAt + valueBytes;
    if (at > source.length) return bad('malformed', `TLV ${type} of the manifest runs into the signature`);
    if (type <= previousType) return bad('malformed', `TLV ${type} of the manifest comes after ${previousType}`);
    previousType = type;
    if (type === TYPE_LABEL) {
      const label =
        valueBytes >= 1 && valueBytes <= LABEL_BYTES_MAX ? utf8Text(source.subarray(valueAt, at)) : undefined;
      if (label === undefined)
        return bad('malformed', `the manifest's label is not 1 to ${LABEL_BYTES_MAX} octets of UTF-8`);
      tail = { ...tail, label };
    } else if ((type & CRITICAL) !== 0) {
      return bad('unknownCriticalField', `the manifest has a critical field ${type} that this release does not know`);
    }
  }
  return good(tail);
}

const TLV_HEAD = layout({ type: u16, valueBytes: u16 });
const CRITICAL = 0x8000;
const TYPE_LABEL = 0x0001;

// The language itself knows UTF-8 only through URIs; TextEncoder belongs to its hosts.

function utf8Octets(text: string): Uint8Array {
  let escaped: string;
  try {
    escaped = encodeURIComponent(text);
  } catch (cause) {
    throw new LocalProtocolError('a label must be well-formed text, not half a surrogate pair', { cause });
  }
  return Uint8Array.from(escaped.match(/%..|[^%]/g) ?? [], (unit) =>
    unit.length === 1 ? unit.charCodeAt(0) : Number.parseInt(unit.slice(1), 16),
  );
}

function utf8Text(octets: Uint8Array): string | undefined {
  try {
    return decodeURIComponent(Array.from(octets, (octet) => `%${octet.toString(16).padStart(2, '0')}`).join(''));
  } catch {
    return undefined;
  }
}
