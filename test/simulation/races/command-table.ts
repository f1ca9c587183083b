/** Sequences of inputs in states of the receiver: each step held against the rules, and an honest update after it. */
import { stepReceiver, type ReceiverEffect } from '@smets1/protocol';
import { offerMessage } from '../transfers/middle.js';
import { INPUT_NAMES, INPUTS, timeOf } from './receiver-inputs.js';
import { brokenRule } from './receiver-rules.js';
import {
  activateWith,
  bench,
  dataOf,
  facts,
  give,
  heard,
  MOMENTS,
  MOMENT_NAMES,
  NONCE,
  NOTHING_WAITS,
  reportOf,
  tagOf,
  wanted,
  type Moment,
} from './receiver-states.js';

export interface Sequence {
  readonly moment: string;
  readonly inputs: readonly string[];
}

export const PAIRS: number = MOMENT_NAMES.length * INPUT_NAMES.length * INPUT_NAMES.length;

/** All sequences of two inputs in every state. */
export function pairAt(index: number): Sequence {
  const inputs = INPUT_NAMES.length;
  return {
    moment: MOMENT_NAMES[Math.floor(index / (inputs * inputs))]!,
    inputs: [INPUT_NAMES[Math.floor(index / inputs) % inputs]!, INPUT_NAMES[index % inputs]!],
  };
}

export interface Walked {
  readonly broken: string | undefined;
  readonly effects: number;
  /** Whether an honest update was tried afterwards. */
  readonly updated: boolean;
}

/** Lives a sequence: effects of its inputs are done at once, but for those that the state was waiting for. */
export function walk({ moment, inputs }: Sequence): Walked {
  let { state, owed } = MOMENTS[moment]!;
  let effects = 0;
  for (const name of inputs) {
    const queue = [INPUTS[name]!(state)];
    for (let i = 0; i < queue.length; i++) {
      const step = stepReceiver(state, queue[i]!, timeOf(name));
      const broken = brokenRule(state, queue[i]!, step);
      if (broken !== undefined) return { broken: `${name}: ${broken}`, effects, updated: false };
      ({ state } = step);
      effects += step.effects.length;
      for (const effect of step.effects) {
        const report = reportOf(effect);
        if (report !== undefined && !isOwed(effect, owed)) queue.push(report);
      }
    }
  }
  // An activation under way ends in a start of its own; what is held before it is another world's business.
  if (state.activity.kind === 'activating' || state.device.mode === 'trial')
    return { broken: undefined, effects, updated: false };
  return { broken: honestUpdate({ state, owed }), effects, updated: true };
}

function isOwed(effect: ReceiverEffect, owed: readonly ReceiverEffect[]): boolean {
  return owed.includes(effect);
}

const BLOCKS = wanted.image.blocks.length;
const LATER_MS = 1_000_000;
const HIGH_COUNTER = 60;

/** What was owed comes at last; then a host that knows what it wants gets it. */
function honestUpdate(moment: Moment): string | undefined {
  let next: Moment = { state: moment.state, owed: [] };
  let activated = false;
  const waits = (kind: ReceiverEffect['kind']): boolean => {
    if (kind === 'activate') activated = true;
    return false;
  };
  for (const effect of moment.owed) {
    const report = reportOf(effect);
    if (report !== undefined) next = give(next, report, waits, LATER_MS);
  }
  if (activated) return undefined;
  next = give(next, heard(offerMessage(wanted, true, 77), 200), NOTHING_WAITS, LATER_MS);
  for (let block = 0; block < BLOCKS; block++)
    next = give(next, heard(dataOf(wanted, block), 1_000 + block, tagOf(next.state)), NOTHING_WAITS, LATER_MS);
  const seal = { kind: 'seal', manifestDigest: wanted.image.manifestDigest, nonce: NONCE } as const;
  next = give(next, heard(seal, 201, tagOf(next.state)), NOTHING_WAITS, LATER_MS);
  if (next.state.held?.sealed !== true)
    return `I12: an honest update afterwards is not sealed (${next.state.activity.kind})`;
  next = give(next, heard(activateWith(HIGH_COUNTER), 202), waits, LATER_MS);
  if (!activated) return 'I12: an honest activation afterwards does nothing';
  const confirmed = give(
    next,
    { kind: 'confirmed', device: { ...facts('confirmed'), deviceId: bench.identity.eui64 } },
    waits,
    LATER_MS,
  );
  return confirmed.state.held === undefined ? undefined : 'I5: an image is held after its confirmation';
}
