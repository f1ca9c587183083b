/** What the countersigner keeps in its own journal: one record each, JSON. */
import { DcoError } from '../error.js';
import { CONTROL_DAY_MS } from '../limits.js';

/** What was countersigned. */
export interface Given {
  readonly atMs: number;
  readonly deviceId: string;
  /** Decimal. */
  readonly originatorCounter: string;
  /** SHA-256 in hex over the octets that the Supplier signed. */
  readonly body: string;
  /** base64 of 232 octets. */
  readonly authorisation: string;
}

/** What was called off: nothing up to this counter is countersigned for the device any more. */
export interface Revoked {
  readonly deviceId: string;
  /** Decimal. */
  readonly revokedUpTo: string;
}

/** Whom this directory trusts, and by what policy: pinned at its first start. */
export interface Pinned {
  /** SHA-256 in hex. */
  readonly trust: string;
}

export type Note = Given | Revoked | Pinned;

/** What the notes add up to. */
export interface Memory {
  /** The newest of each meter. */
  readonly newest: Map<string, Given>;
  readonly revokedUpTo: Map<string, bigint>;
  /** Of everything given, ascending. */
  times: number[];
  trust: string | undefined;
}

export function emptyMemory(): Memory {
  return { newest: new Map(), revokedUpTo: new Map(), times: [], trust: undefined };
}

export function remember(memory: Memory, note: Note): void {
  if ('trust' in note) {
    memory.trust = note.trust;
  } else if ('revokedUpTo' in note) {
    memory.revokedUpTo.set(note.deviceId, BigInt(note.revokedUpTo));
  } else {
    memory.newest.set(note.deviceId, note);
    memory.times.push(note.atMs);
  }
}

/** The newest of each kind and meter, and all that was given in the last day, in their order. */
export function stillNeeded(notes: readonly Note[], nowMs: number): readonly Note[] {
  const newest = new Map(notes.map((note) => [nameOf(note), note]));
  return notes.filter(
    (note) => newest.get(nameOf(note)) === note || ('atMs' in note && nowMs - note.atMs < CONTROL_DAY_MS),
  );
}

function nameOf(note: Note): string {
  if ('trust' in note) return 'trust';
  return 'revokedUpTo' in note ? `revoked ${note.deviceId}` : `given ${note.deviceId}`;
}

export function encodeNote(note: Note): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(note));
}

/** @throws {@link DcoError} `storage-corrupt`. */
export function decodeNote(octets: Uint8Array): Note {
  try {
    return JSON.parse(new TextDecoder().decode(octets)) as Note;
  } catch (cause) {
    throw new DcoError('storage-corrupt', 'a record of the control does not read; restore its directory from a copy', {
      cause,
    });
  }
}
