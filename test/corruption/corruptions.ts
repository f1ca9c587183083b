/** Every way in which octets are spoilt here, and the counting of what came of it. */

export interface Corruption {
  /** What was done, for the report of one that was taken for right. */
  readonly what: string;
  readonly octets: Uint8Array;
}

/** Each bit flipped, one at a time. */
export function* bitFlips(octets: Uint8Array): Generator<Corruption> {
  for (let bit = 0; bit < octets.length * 8; bit++) {
    const spoilt = octets.slice();
    spoilt[bit >> 3]! ^= 1 << (bit & 7);
    yield { what: `bit ${bit & 7} of octet ${bit >> 3} flipped`, octets: spoilt };
  }
}

/** Each proper beginning, none of it included. */
export function* truncations(octets: Uint8Array): Generator<Corruption> {
  for (let bytes = 0; bytes < octets.length; bytes++) {
    yield { what: `cut after ${bytes} octets`, octets: octets.slice(0, bytes) };
  }
}

/** Who is shown spoilt octets: a name, and what it said to each. */
export interface Checker {
  readonly name: string;
  check(): Iterable<Verdict>;
}

export interface Verdict {
  readonly what: string;
  /** Code of the refusal; undefined when the octets were taken for right. */
  readonly refusal: string | undefined;
}

export interface Tally {
  readonly name: string;
  readonly refused: number;
  /** How often each code was given. */
  readonly byCode: Readonly<Record<string, number>>;
  /** What was done to octets that were then taken for right. */
  readonly accepted: readonly string[];
}

export function tallyOf(checker: Checker): Tally {
  const counts = new Map<string, number>();
  const accepted: string[] = [];
  let refused = 0;
  for (const { what, refusal } of checker.check()) {
    if (refusal === undefined) {
      accepted.push(what);
    } else {
      refused++;
      counts.set(refusal, (counts.get(refusal) ?? 0) + 1);
    }
  }
  const byCode = Object.fromEntries([...counts].toSorted(([a], [b]) => a.localeCompare(b)));
  return { name: checker.name, refused, byCode, accepted };
}
