/** What the checker found, by rule of `packages/campaign/docs/RULES.md`. */
export interface Fault {
  /** `R01` … `R34`. */
  readonly rule: string;
  /** `seq` of the record, counted by the checker; −1: the end of the journal. */
  readonly record: number;
  readonly message: string;
}

/** Of each rule; one mistake can break it in a million records. */
const KEPT_PER_RULE_MAX = 20;

export class Faults {
  readonly kept: Fault[] = [];
  readonly countByRule = new Map<string, number>();
  /** Of the record that is being read. */
  record = 0;

  say(rule: string, message: string): void {
    this.countByRule.set(rule, (this.countByRule.get(rule) ?? 0) + 1);
    if (this.countByRule.get(rule)! <= KEPT_PER_RULE_MAX) this.kept.push({ rule, record: this.record, message });
  }

  get count(): number {
    return [...this.countByRule.values()].reduce((sum, one) => sum + one, 0);
  }
}
