/** A seeded bug: a mistake that somebody could make, as an edit of what was built. */
export interface Edit {
  /** A built module, as `node_modules` has it. */
  readonly module: string;
  /** Exact text, there exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Bug {
  /** Its number in the list of bugs that a project like this one is to find; a letter where the design has it in more than one place. */
  readonly id: string;
  readonly title: string;
  /** The goal that claims it: it must fail with the bug, in tier Q. */
  readonly goal: string;
  readonly edits: readonly Edit[];
  /** Where the design has no place for the bug of this number: why, and what stands for it. */
  readonly instead?: string;
}

/** Applies the edits of one module. @throws Error when one of them does not fit exactly once: the bug is not what it was */
export function edited(source: string, edits: readonly Edit[]): string {
  let text = source;
  for (const { module, find, replace } of edits) {
    const places = text.split(find).length - 1;
    if (places !== 1) throw new Error(`the edit of ${module} fits ${places} times, not once: ${find}`);
    text = text.replace(find, () => replace);
  }
  return text;
}
