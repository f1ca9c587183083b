/** Responses and alerts are pulled, and come again until they are acknowledged: seen once or more, never lost. */
import { accept, refuse } from '../error.js';
import type { Answer } from '../error.js';
import { RESPONSES_PER_PULL_MAX } from '../limits.js';
import type { EntryRecord } from '../store/records.js';
import type { StoreState } from '../store/state.js';
import type { Decision, Store } from '../store/store.js';

export interface Pulled {
  readonly responses: readonly EntryRecord[];
  /** Everything up to this number was acknowledged. */
  readonly acknowledgedUpTo: number;
  /** True when more wait than were given: ask again after the last number. */
  readonly more: boolean;
}

/** What is not acknowledged and has a number above `after`, in order. */
export function pull(state: StoreState, after: number, limit: number = RESPONSES_PER_PULL_MAX): Pulled {
  const responses: EntryRecord[] = [];
  const from = Math.max(after, state.acknowledgedUpTo) + 1;
  const count = Math.min(limit, RESPONSES_PER_PULL_MAX);
  let number = from;
  for (; number < state.nextEntry && responses.length < count; number += 1) {
    const entry = state.entries.get(number);
    if (entry !== undefined) responses.push(entry);
  }
  return { responses, acknowledgedUpTo: state.acknowledgedUpTo, more: number < state.nextEntry };
}

/** Acknowledges everything up to and with a number; again, or a lower one, changes nothing. Rejects as `transact` does. */
export function acknowledge(store: Store, upTo: number): Promise<Answer<{ readonly acknowledgedUpTo: number }>> {
  return store.transact((state): Decision<Answer<{ readonly acknowledgedUpTo: number }>> => {
    if (upTo >= state.nextEntry) {
      const message = `the last response has number ${state.nextEntry - 1}; what was not given cannot be acknowledged`;
      return { changes: [], value: refuse('bad-request', message) };
    }
    if (upTo <= state.acknowledgedUpTo)
      return { changes: [], value: accept({ acknowledgedUpTo: state.acknowledgedUpTo }) };
    return { changes: [{ kind: 'acknowledged', value: { upTo } }], value: accept({ acknowledgedUpTo: upTo }) };
  });
}
