/** What no step of a receiver may do, whatever it is given and when. */
import {
  equalOctets,
  hasBlock,
  blocksOf,
  isComplete,
  type ReceiverEffect,
  type ReceiverInput,
  type ReceiverState,
  type ReceiverStep,
} from '@smets1/protocol';

const SENDS_MAX = 4;
const FORBIDDEN_ON_TRIAL: ReadonlySet<ReceiverEffect['kind']> = new Set([
  'prepare',
  'seal-image',
  'activate',
  'store-block',
  'check-block',
]);

/** The first rule that the step breaks, if any. */
export function brokenRule(
  before: ReceiverState,
  input: ReceiverInput,
  { state, effects }: ReceiverStep,
): string | undefined {
  for (const effect of effects) {
    const broken = brokenByEffect(before, input, effect);
    if (broken !== undefined) return broken;
  }
  if (effects.filter(({ kind }) => kind === 'send').length > SENDS_MAX)
    return 'I9: more answers than one word can earn';
  if (input.kind !== 'confirmed' && state.device !== before.device)
    return 'I3: what runs changed without a confirmation';
  if (state.activation.originatorCounter < before.activation.originatorCounter && input.kind !== 'activation-failed')
    return 'I3: the originator counter went back';
  return lostBlocks(before, input, state) ?? wrongSequence(input, effects);
}

function brokenByEffect(before: ReceiverState, input: ReceiverInput, effect: ReceiverEffect): string | undefined {
  if (before.device.mode === 'trial' && FORBIDDEN_ON_TRIAL.has(effect.kind)) return `I5: ${effect.kind} during a trial`;
  switch (effect.kind) {
    case 'activate': {
      if (input.kind !== 'authorisation-checked' || !input.result.ok) return 'I3: activated without an authorisation';
      const { held } = before;
      const { imageHash, manifestDigest, originatorCounter } = input.result.value;
      if (held?.sealed !== true) return 'I1: activated what is not sealed';
      if (!equalOctets(held.manifestDigest, manifestDigest) || !equalOctets(held.manifest.imageHash, imageHash))
        return 'I3: activated another image than was authorised';
      if (originatorCounter <= before.activation.originatorCounter) return 'I3: a counter served twice';
      return before.activity.kind === 'activating' ? 'I3: activated twice' : undefined;
    }
    case 'prepare':
      if (input.kind !== 'offer-checked' || !input.result.ok) return 'I7: erased without a checked offer';
      return before.activity.kind === 'checking' ? undefined : 'I7: erased while something else was under way';
    case 'seal-image':
      return before.held !== undefined && isComplete(before.held) ? undefined : 'I7: sealed what is not whole';
    case 'store-block':
      if (input.kind !== 'block-checked' || !input.ok) return 'I7: stored a block that was not checked';
      return before.held !== undefined && hasBlock(before.held.map, effect.block)
        ? 'I7: stored a durable block again'
        : undefined;
    case 'record-blocks':
      return before.held === undefined ? 'I6: recorded blocks of nothing' : undefined;
    default:
      return undefined;
  }
}

/** Blocks that were durable stay so, unless the image goes as a whole. */
function lostBlocks(before: ReceiverState, input: ReceiverInput, after: ReceiverState): string | undefined {
  if (before.held === undefined) return undefined;
  const { held } = after;
  if (held === undefined || !equalOctets(held.manifestDigest, before.held.manifestDigest))
    return MAY_DROP.has(input.kind) ? undefined : `I6: ${input.kind} dropped the image that is held`;
  if (held !== before.held && input.kind === 'prepared') return undefined;
  for (const block of blocksOf(0, before.held.map.bits))
    if (!hasBlock(held.map, block)) return `I6: block ${block} was durable and is not any more`;
  return undefined;
}

const MAY_DROP: ReadonlySet<ReceiverInput['kind']> = new Set(['offer-checked', 'image-sealed', 'confirmed']);

/** A word is answered under its own number, so that no answer passes for that to another question. */
function wrongSequence(input: ReceiverInput, effects: readonly ReceiverEffect[]): string | undefined {
  if (input.kind !== 'heard' || input.received.kind !== 'message') return undefined;
  const { sequence, message } = input.received.envelope;
  if (message.kind === 'data') return undefined;
  const strange = effects.find((effect) => effect.kind === 'send' && effect.envelope.sequence !== sequence);
  return strange === undefined ? undefined : 'I8: an answer has the number of another question';
}
