/** Randomness that a seed repeats for ever: sfc32 (public domain), seeded through SHA-256. For simulated worlds only. */
import { createHash } from 'node:crypto';
import { HostError } from '../error.js';
import type { RandomPort } from '../loop/ports.js';

export interface Random extends RandomPort {
  /** 0 to 2^32 − 1. */
  u32(): number;
  /** From 0, below 1. */
  fraction(): number;
  /** 0 to `count` − 1, each as likely; `count` is 1 to 2^32. @throws HostError `misuse` */
  below(count: number): number;
  /** True with this probability. Draws once whatever the probability is, so that changing it moves nothing else. */
  chance(probability: number): boolean;
  /** @throws HostError `misuse` when there is nothing to pick. */
  pick<T>(items: readonly T[]): T;
}

/** The stream that `seed` and `label` name. */
export function seededRandom(seed: string, label: string): Random {
  const start = createHash('sha256').update(`${seed}/${label}`).digest();
  let a = start.readUInt32LE(0);
  let b = start.readUInt32LE(4);
  let c = start.readUInt32LE(8);
  let counter = start.readUInt32LE(12);
  const u32 = (): number => {
    const drawn = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + drawn) >>> 0;
    return drawn;
  };
  const fraction = (): number => ((u32() >>> 5) * 2 ** 26 + (u32() >>> 6)) / 2 ** 53;
  const below = (count: number): number => {
    if (!Number.isInteger(count) || count < 1 || count > 2 ** 32) {
      throw new HostError('misuse', `nothing can be drawn below ${count}: give a whole number from 1 to 2^32`);
    }
    // Draws from the last, incomplete run of `count` are thrown away: with them the small numbers were a little more likely.
    const limit = 2 ** 32 - (2 ** 32 % count);
    for (;;) {
      const drawn = u32();
      if (drawn < limit) return drawn % count;
    }
  };
  return {
    u32,
    fraction,
    below,
    chance: (probability) => fraction() < probability,
    octets: (count) => Uint8Array.from({ length: count }, () => u32() >>> 24),
    pick(items) {
      if (items.length === 0) throw new HostError('misuse', 'there is nothing to pick from');
      return items[below(items.length)]!;
    },
  };
}

/** The seed as it is printed: 16 hex digits. Takes a number, or the text that was printed. @throws HostError `misuse` */
export function seedText(seed: bigint | number | string): string {
  const value = typeof seed === 'string' ? fromText(seed) : fromNumber(seed);
  if (value === undefined || value < 0n || value >= 1n << 64n) {
    throw new HostError('misuse', `${seed} is no seed: give a whole number from 0 to 2^64 − 1, or its 16 hex digits`);
  }
  return value.toString(16).padStart(16, '0');
}

function fromText(text: string): bigint | undefined {
  return /^[0-9a-fA-F]{1,16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}

function fromNumber(value: bigint | number): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return Number.isSafeInteger(value) ? BigInt(value) : undefined;
}
