/** How the update of one meter ended, and whether that is how it had to end. Plain data, the same in every run of a seed. */
import type { SenderResult } from '@smets1/protocol';
import { refusalOf } from '@smets1/protocol';
import type { FaultKind } from './faults.js';

export interface MeterEnd {
  /** From 0. */
  readonly index: number;
  /** EUI-64 in upper case with dashes. */
  readonly deviceId: string;
  readonly fault: FaultKind | 'none';
  /** In one word: what the last sender found done, the meter's refusal, or why it failed; `gave-up` when no sender came to an end. */
  readonly outcome: string;
  /** Judged by boot's records and the octets of the slot that they name: the release, the first firmware, or neither. */
  readonly runs: 'new' | 'old' | 'neither';
  /** Whether the sender has the meter's own signature for what it ended with. */
  readonly attested: boolean;
  /** The end that such a meter must come to. */
  readonly asExpected: boolean;
  readonly powerCuts: number;
  readonly senders: number;
  /** Frames on the line, both ways. */
  readonly frames: number;
  /** From its first start on. */
  readonly flashOperations: number;
  /** On the meter's own, virtual clock. */
  readonly tookMs: number;
}

/** @param result - Of the last sender; undefined when it came to no end. */
export function outcomeOf(result: SenderResult | undefined): string {
  if (result === undefined) return 'gave-up';
  // A sender after a cut may find running what the one before it has activated.
  if (result.kind === 'done') return result.what === 'already-running' ? 'activated' : result.what;
  if (result.reason !== 'refused' || result.refusal === undefined) return result.reason;
  return refusalOf(result.refusal.code) ?? result.reason;
}

/** The table of right ends. A fault that did not strike makes no right end. */
export function isExpected(end: Omit<MeterEnd, 'asExpected'>): boolean {
  const { outcome, runs, attested, powerCuts } = end;
  const isUpdated = outcome === 'activated' && runs === 'new' && attested;
  switch (end.fault) {
    case 'none':
      return isUpdated && powerCuts === 0;
    case 'power-cut':
      return isUpdated && powerCuts > 0;
    case 'spoilt-octet':
      return outcome === 'not-authentic' && runs === 'old';
    case 'foreign-signature':
      return outcome === 'unknownKey' && runs === 'old';
  }
}
