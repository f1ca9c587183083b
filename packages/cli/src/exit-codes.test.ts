import { describe, expect, it } from 'vitest';
import {
  DCO_ENTRY_EXIT,
  EXIT,
  FAILURE_EXIT,
  METER_OUTCOME_EXIT,
  outcomeNameOf,
  PACKAGE_FAULT_EXIT,
  REFUSAL_EXIT,
} from './exit-codes.js';

describe('exit codes', () => {
  it('are an API, and do not change', () => {
    expect(EXIT).toEqual({
      done: 0,
      defect: 1,
      usage: 2,
      port: 10,
      'no-answer': 11,
      refused: 12,
      'too-noisy': 13,
      'not-authentic': 14,
      'verify-failed': 15,
      'activation-failed': 16,
      reverted: 17,
      interrupted: 18,
      'device-changed': 19,
      storage: 20,
      'some-not-done': 21,
      'not-authorised': 22,
    });
    for (const [name, code] of Object.entries(EXIT)) expect(outcomeNameOf(code)).toBe(name);
  });

  it('of a fault are the same whoever finds it: a verifier of files, a meter, or a DCO on behalf of both', () => {
    for (const name of [
      'unknownKey',
      'badSignature',
      'otaHeaderMismatch',
      'unsupportedVersion',
      'unsupportedProfile',
    ] as const) {
      expect(PACKAGE_FAULT_EXIT[name]).toBe(REFUSAL_EXIT[name]);
    }
    for (const reason of [
      'too-noisy',
      'reverted',
      'device-changed',
      'not-authentic',
      'verify-failed',
      'no-answer',
    ] as const) {
      expect(DCO_ENTRY_EXIT[reason]).toBe(FAILURE_EXIT[reason]);
    }
  });

  it('never call success what is none', () => {
    const tables: readonly Readonly<Record<string, number>>[] = [REFUSAL_EXIT, PACKAGE_FAULT_EXIT, FAILURE_EXIT];
    for (const table of tables) expect(Object.values(table)).not.toContain(EXIT.done);
    expect(Object.entries(METER_OUTCOME_EXIT).filter(([, code]) => code === EXIT.done)).toEqual([['success', 0]]);
    const good = Object.entries(DCO_ENTRY_EXIT).filter(([, code]) => code === EXIT.done);
    expect(good.map(([name]) => name)).toEqual(['success', 'accepted']);
  });

  it('say 22 for whatever is wrong with an authorisation', () => {
    const about = Object.entries(REFUSAL_EXIT).filter(([name]) =>
      /^(authorisation|supplier|countersig|originator)/.test(name),
    );
    expect(about).toHaveLength(7);
    expect(about.every(([, code]) => code === EXIT['not-authorised'])).toBe(true);
  });
});
