/**
 * Goal: a shared answer is never one that the octets would not have had by themselves. Method: every question is also put to the bare
 * check; what was asked before differs in one thing only: an octet, the key, the signature, the rule for s, the length.
 */
import { modelCrypto, nodeCrypto, seededKey } from '@smets1/host';
import type { CryptoPort } from '@smets1/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHECKED_BYTES_MAX, CHECKS_KEPT_MAX } from './limits.js';
import { shareChecks } from './shared-checks.js';

const [KEY, STRANGER] = [seededKey('one'), seededKey('other')];
const IMAGE = Uint8Array.from({ length: 20_000 }, (_, i) => (i * i) >>> 3);

/** Of P-256. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function flipped(octets: Uint8Array, at: number, mask = 1): Uint8Array {
  const copy = octets.slice();
  copy[at]! ^= mask;
  return copy;
}

describe('shared checks', () => {
  it('are made once for equal octets, wherever those stand', () => {
    const checks = shareChecks(nodeCrypto());
    const signature = KEY.sign(IMAGE);
    for (const octets of [IMAGE, IMAGE.slice(), flipped(flipped(IMAGE, 7), 7)]) {
      expect(checks.verify(KEY.publicKey, octets, signature, 'low')).toBe(true);
      expect(checks.sha256([octets])).toEqual(nodeCrypto().sha256([IMAGE]));
    }
    expect(checks.counts()).toEqual({ signaturesAsked: 3, signaturesMade: 1, hashesAsked: 3, hashesMade: 1 });
  });

  it('answer as the bare check does, whatever was asked before', () => {
    const bare = nodeCrypto();
    const checks = shareChecks(bare);
    const signature = KEY.sign(IMAGE);
    const at = fc.nat({ max: IMAGE.length - 1 });
    let differing = 0;
    const question = fc.record({
      octets: fc.oneof(
        fc.constant(IMAGE),
        at.map((i) => flipped(IMAGE, i)),
        at.map((i) => IMAGE.slice(0, i)),
      ),
      key: fc.constantFrom(KEY.publicKey, STRANGER.publicKey),
      signature: fc.oneof(
        fc.constant(signature),
        fc.nat({ max: 63 }).map((i) => flipped(signature, i)),
      ),
      s: fc.constantFrom('low' as const, 'either' as const),
    });
    fc.assert(
      fc.property(question, (asked) => {
        for (const { octets, key } of [asked, { ...asked, octets: IMAGE, key: KEY.publicKey }]) {
          const holds = bare.verify(key, octets, asked.signature, asked.s);
          if (!holds) differing += 1;
          expect(checks.verify(key, octets, asked.signature, asked.s)).toBe(holds);
          expect(checks.sha256([octets])).toEqual(bare.sha256([octets]));
        }
      }),
      { numRuns: 300, seed: 4 },
    );
    expect(differing).toBeGreaterThan(100);
    const { signaturesAsked, signaturesMade } = checks.counts();
    expect(signaturesAsked - signaturesMade).toBeGreaterThan(50);
  });

  it('tell the two rules for s apart', () => {
    const checks = shareChecks(nodeCrypto());
    const signature = KEY.sign(IMAGE);
    const s = ORDER - BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
    const high = Uint8Array.from([
      ...signature.subarray(0, 32),
      ...Buffer.from(s.toString(16).padStart(64, '0'), 'hex'),
    ]);
    for (const rule of ['either', 'low', 'either', 'low'] as const)
      expect(checks.verify(KEY.publicKey, IMAGE, high, rule)).toBe(rule === 'either');
  });

  it('tell two images apart in any one octet, also one that the sample does not look at', () => {
    const checks = shareChecks(nodeCrypto());
    const whole = checks.sha256([IMAGE]);
    for (const at of [0, 1, 1_249, 1_250, 1_251, 10_001, 19_999]) {
      expect(checks.sha256([flipped(IMAGE, at)])).not.toEqual(whole);
      expect(checks.sha256([IMAGE])).toEqual(whole);
    }
  });

  it('keep octets of their own: a buffer that is used again, or an answer that is written to, changes nothing', () => {
    const checks = shareChecks(nodeCrypto());
    const buffer = IMAGE.slice();
    const signature = KEY.sign(IMAGE);
    expect(checks.verify(KEY.publicKey, buffer, signature, 'low')).toBe(true);
    for (let i = 0; i < 2; i++) checks.sha256([buffer]).fill(0);
    expect(checks.sha256([buffer])).toEqual(nodeCrypto().sha256([IMAGE]));
    buffer[100]! ^= 1;
    expect(checks.verify(KEY.publicKey, buffer, signature, 'low')).toBe(false);
    expect(checks.sha256([buffer])).toEqual(nodeCrypto().sha256([buffer]));
    expect(checks.sha256([IMAGE])).toEqual(nodeCrypto().sha256([IMAGE]));
  });

  it('forget what was asked longest ago, and never hold more than they may', () => {
    let made = 0;
    const counting: CryptoPort = { ...modelCrypto(), verify: () => (made++, true) };
    const checks = shareChecks(counting);
    const ask = (i: number, bytes: number): boolean =>
      checks.verify(KEY.publicKey, new Uint8Array(bytes), Uint8Array.of(i, i >> 8, i >> 16), 'low');
    for (let i = 0; i <= CHECKS_KEPT_MAX; i++) ask(i, 8);
    expect([ask(1, 8), made]).toEqual([true, CHECKS_KEPT_MAX + 1]);
    expect([ask(0, 8), made]).toEqual([true, CHECKS_KEPT_MAX + 2]);
    // One that fills the memory alone drives out all others, and itself.
    ask(-1, CHECKED_BYTES_MAX + 1);
    expect([ask(0, 8), made]).toEqual([true, CHECKS_KEPT_MAX + 4]);
  });
});
