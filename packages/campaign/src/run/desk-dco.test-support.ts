/** A DCO on a desk for tests: keys have one effect, answers wait until they are acknowledged, and everything can fail on the way. */
import type { Activation, ActivationTaken, DcoPort, DcoResponse, DcoRoom, JournalPort, Submission } from '../ports.js';
import type { MeterOutcome } from '../machine/record-of.js';

/** Thrown where a process would end. */
export class Crash extends Error {}

export interface DeskDcoOptions {
  /** What becomes of a start; undefined: nothing is heard of it. */
  readonly resultOf?: (activation: Activation) => MeterOutcome['result'] | undefined;
  readonly room?: (day: string) => DcoRoom | undefined;
  readonly refuse?: (activation: Activation) => ActivationTaken;
}

export class DeskDco implements DcoPort {
  readonly submissions = new Map<string, Submission>();
  /** By key: each had its one effect. */
  readonly activations = new Map<string, Activation>();
  /** Requests, repeats among them. */
  asked = 0;
  /** Calls that shall fail, counted down. Of activations in turn the request is lost, or only its answer. */
  failures = 0;
  activationFailures = 0;
  readonly #options: DeskDcoOptions;
  readonly #responses: DcoResponse[] = [];
  #acknowledged = 0;
  #sequence = 0;

  constructor(options: DeskDcoOptions = {}) {
    this.#options = options;
  }

  async room(day: string): Promise<DcoRoom | undefined> {
    this.#call();
    return this.#options.room?.(day);
  }

  async submit(submission: Submission): Promise<void> {
    this.#call();
    const known = this.submissions.get(submission.key);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(submission))
      throw new Error(`${submission.key} was another request before`);
    this.submissions.set(submission.key, submission);
  }

  async activate(activation: Activation): Promise<ActivationTaken> {
    this.asked += 1;
    const isLost = this.activationFailures > 0;
    if (isLost) this.activationFailures -= 1;
    // The request is lost, or only its answer.
    if (isLost && this.activationFailures % 2 === 0) throw new Error('no answer');
    const answer = this.#options.refuse?.(activation) ?? { taken: true };
    if (answer.taken && !this.activations.has(activation.key)) {
      this.activations.set(activation.key, activation);
      const result = (this.#options.resultOf ?? (() => 'success' as const))(activation);
      this.#sequence += 1;
      if (result !== undefined) this.#responses.push({ sequence: this.#sequence, key: activation.key, result });
    }
    if (isLost) throw new Error('no answer');
    return answer;
  }

  async responses(): Promise<readonly DcoResponse[]> {
    this.#call();
    return this.#responses.filter(({ sequence }) => sequence > this.#acknowledged);
  }

  async acknowledge(sequence: number): Promise<void> {
    this.#call();
    this.#acknowledged = Math.max(this.#acknowledged, sequence);
  }

  get unacknowledged(): number {
    return this.#responses.filter(({ sequence }) => sequence > this.#acknowledged).length;
  }

  #call(): void {
    if (this.failures === 0) return;
    this.failures -= 1;
    throw new Error('no answer');
  }
}

/** Lines in memory; ends with a {@link Crash} after so many more lines, with the last ones of an append missing. */
export class DeskJournal implements JournalPort {
  readonly lines: string[];
  #left: number;

  constructor(lines: readonly string[] = [], linesLeft: number = Number.POSITIVE_INFINITY) {
    this.lines = [...lines];
    this.#left = linesLeft;
  }

  readAll(): Iterable<string> {
    return this.lines;
  }

  async append(lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      if (this.#left === 0) throw new Crash('the process ends here');
      this.#left -= 1;
      this.lines.push(line);
    }
  }
}
