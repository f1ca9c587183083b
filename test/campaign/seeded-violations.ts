/** Each violation of the list, made in a true journal and judged. */
import { verdictOn, type Verdict } from './checker/checker.js';
import { JournalDraft } from './journal-draft.js';
import { makeJournal } from './make-journal.js';
import { VIOLATIONS, type Violation } from './violations.js';

export interface TrueJournal {
  readonly input: string;
  readonly inputDigest: string;
  readonly journal: string;
}

export interface Found {
  readonly violation: Violation;
  /** The first fault against its rule; undefined: not found. */
  readonly fault: { readonly record: number; readonly message: string } | undefined;
  /** All rules that are broken. */
  readonly rules: readonly string[];
}

export function trueJournal(input: string, seed: number): TrueJournal {
  let journal = '';
  const { inputDigest } = makeJournal(input, seed, (text) => {
    journal += text;
  });
  return { input, inputDigest, journal };
}

export function verdictOnTrue({ input, inputDigest, journal }: TrueJournal): Verdict {
  return verdictOn(input, journal, { isSimulated: true, inputDigest });
}

export function findAll({ input, inputDigest, journal }: TrueJournal): Found[] {
  return VIOLATIONS.map((violation) => {
    const draft = new JournalDraft(journal);
    violation.spoil(draft);
    const { faults, countByRule } = verdictOn(input, draft.toString(), { isSimulated: true, inputDigest });
    return {
      violation,
      fault: faults.find(({ rule }) => rule === violation.rule),
      rules: [...countByRule.keys()].toSorted(),
    };
  });
}
