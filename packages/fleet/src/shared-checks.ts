/**
 * Checks of a meter's cryptography whose answers are shared between the meters of one thread. An answer is given again only for octets that are
 * equal, one by one, to those it was given for, under the same key: docs/decisions/0001-shared-checks.md.
 */
import type { CryptoPort } from '@smets1/protocol';
import { CHECKED_BYTES_MAX, CHECKS_KEPT_MAX, SHARED_HASH_BYTES_MIN } from './limits.js';

/** How many checks were asked for, and how many of them were really made. */
export interface CheckCounts {
  readonly signaturesAsked: number;
  readonly signaturesMade: number;
  readonly hashesAsked: number;
  readonly hashesMade: number;
}

export interface SharedChecks extends CryptoPort {
  counts(): CheckCounts;
}

/** @param crypto - Makes the checks. Its answers must depend on nothing but what it is given. */
export function shareChecks(crypto: CryptoPort): SharedChecks {
  const hashes = new Remembered<Uint8Array>();
  const verdicts = new Remembered<boolean>();
  return {
    sha256(chunks) {
      const [only, more] = chunks;
      if (only === undefined || more !== undefined || only.length < SHARED_HASH_BYTES_MIN) return crypto.sha256(chunks);
      // Whoever asked may write to what it gets.
      return hashes.answer(sampleOf(only), only, () => crypto.sha256([only]).slice()).slice();
    },
    verify(publicKey, message, signature, s) {
      const question = `${s} ${latin1(publicKey)} ${latin1(signature)}`;
      return verdicts.answer(question, message, () => crypto.verify(publicKey, message, signature, s));
    },
    counts: () => ({
      signaturesAsked: verdicts.asked,
      signaturesMade: verdicts.made,
      hashesAsked: hashes.asked,
      hashesMade: hashes.made,
    }),
  };
}

interface Known<T> {
  readonly octets: Uint8Array;
  readonly answer: T;
}

/** Answers by question and octets. For each question the octets asked about last are kept; the question asked longest ago goes first. */
class Remembered<T> {
  asked = 0;
  made = 0;
  readonly #known = new Map<string, Known<T>>();
  #bytes = 0;

  answer(question: string, octets: Uint8Array, make: () => T): T {
    this.asked += 1;
    const known = this.#known.get(question);
    if (known !== undefined) {
      this.#forget(question, known);
      if (Buffer.compare(known.octets, octets) === 0) {
        this.#keep(question, known);
        return known.answer;
      }
    }
    this.made += 1;
    const answer = make();
    // A copy: the octets belong to a meter, or to a buffer that is used again.
    this.#keep(question, { octets: new Uint8Array(octets), answer });
    for (const [oldest, entry] of this.#known) {
      if (this.#known.size <= CHECKS_KEPT_MAX && this.#bytes <= CHECKED_BYTES_MAX) break;
      this.#forget(oldest, entry);
    }
    return answer;
  }

  #keep(question: string, known: Known<T>): void {
    this.#known.set(question, known);
    this.#bytes += known.octets.length;
  }

  #forget(question: string, { octets }: Known<T>): void {
    this.#known.delete(question);
    this.#bytes -= octets.length;
  }
}

/** Tells most octets apart quickly; it decides nothing, since what has one sample is compared as a whole. */
function sampleOf(octets: Uint8Array): string {
  const step = Math.floor(octets.length / SAMPLES);
  const sample = Uint8Array.from({ length: SAMPLES }, (_, i) => octets[i * step]!);
  return `${octets.length} ${latin1(sample)}`;
}

const SAMPLES = 16;

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1');
}
