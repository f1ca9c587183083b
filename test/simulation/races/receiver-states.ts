/** The receiver in each of its states, reached as a meter reaches them: its effects done, or left undone where the state is to wait for one. */
import {
  beginHeld,
  checkAuthorisation,
  checkOffer,
  gbcsSignatureHolds,
  manufacturerImageHash,
  runTask,
  signOutcome,
  startReceiver,
  stepReceiver,
  verifyBlock,
  type DeviceFacts,
  type HostMessage,
  type ReceiverEffect,
  type ReceiverInput,
  type ReceiverState,
} from '@smets1/protocol';
import { modelBench, type Made } from '../transfers/images.js';
import { offerMessage } from '../transfers/middle.js';

export const bench: ReturnType<typeof modelBench> = modelBench();
export const { wanted, other, ancient, foreign } = bench.shapes[2]!;
export const NONCE: Uint8Array = new Uint8Array(8).fill(5);
export const NOW_MS = 10_000;
export const NOW_S = 1_700_000_000;

/** A receiver with what it asked for and has not got; the slot's octets are kept as blocks. */
export interface Moment {
  readonly state: ReceiverState;
  readonly owed: readonly ReceiverEffect[];
}

export function facts(mode: DeviceFacts['mode']): DeviceFacts {
  const { identity, old } = bench;
  return {
    deviceId: identity.eui64,
    deviceClass: identity.deviceClass,
    manufacturerCode: identity.manufacturerCode,
    imageType: identity.imageType,
    hardwareVersion: identity.hardwareVersion,
    bootEpoch: 3,
    runningVersion: old.image.manifest.fileVersion,
    runningHash: old.image.manifest.imageHash,
    securityCounter: old.image.manifest.securityCounter,
    mode,
    slotBytes: 4_096,
    blockShiftMin: 8,
    blockShiftMax: 16,
    blockCountMax: 256,
    windowBytes: 2_048,
    frameBytesMax: 8_192,
  };
}

/** What the host of the receiver reports for an effect; undefined where nothing comes back. */
export function reportOf(effect: ReceiverEffect): ReceiverInput | undefined {
  const { crypto, signer, trust } = bench;
  switch (effect.kind) {
    case 'send':
    case 'alert':
    case 'activate':
      return undefined;
    case 'check-offer':
      return { kind: 'offer-checked', result: runTask(checkOffer(effect.offer, trust.manufacturer, 3), crypto) };
    case 'prepare':
      return { kind: 'prepared', held: beginHeld(effect.image, 1) };
    case 'check-block': {
      const { image, block, octets } = effect;
      const task = verifyBlock(image.manifest, image.manifestDigest, block, octets, image.manufacturerKey);
      return { kind: 'block-checked', block, octets, ok: runTask(task, crypto) };
    }
    case 'store-block':
      return { kind: 'block-stored', block: effect.block, ok: true };
    case 'record-blocks':
      return { kind: 'blocks-recorded', blocks: effect.blocks, ok: true };
    case 'seal-image': {
      const made = [wanted, other, ancient].find(({ image }) =>
        image.manifestDigest.every((octet, i) => octet === effect.image.manifestDigest[i]),
      );
      if (made === undefined) return { kind: 'seal-failed' };
      const imageHash = runTask(manufacturerImageHash(made.octets), crypto);
      const ok = runTask(gbcsSignatureHolds(made.octets, effect.image.gbcsSignature, trust.supplier), crypto);
      return { kind: 'image-sealed', code: ok ? 'success' : 'notAuthentic', imageHash };
    }
    case 'check-authorisation': {
      const result = runTask(checkAuthorisation(effect.octets, trust), crypto);
      return { kind: 'authorisation-checked', octets: effect.octets, reply: effect.reply, result, nowS: NOW_S };
    }
    case 'store-counter':
      return { ...effect, kind: 'counter-stored', ok: true };
    case 'sign-outcome': {
      const octets = runTask(signOutcome(effect.fields), crypto, signer);
      return { kind: 'outcome-signed', reply: effect.reply, as: effect.as, octets };
    }
  }
}

/** One step; of its effects those that `waits` names stay undone, and whatever they would bring. */
export function give(
  moment: Moment,
  input: ReceiverInput,
  waits: (kind: ReceiverEffect['kind']) => boolean,
  nowMs: number = NOW_MS,
): Moment {
  let { state } = moment;
  const owed = [...moment.owed];
  const inputs: ReceiverInput[] = [input];
  for (let i = 0; i < inputs.length; i++) {
    const step = stepReceiver(state, inputs[i]!, nowMs);
    ({ state } = step);
    for (const effect of step.effects) {
      if (waits(effect.kind)) owed.push(effect);
      else {
        const report = reportOf(effect);
        if (report !== undefined) inputs.push(report);
      }
    }
  }
  return { state, owed };
}

export const NOTHING_WAITS = (): boolean => false;

export function heard(message: HostMessage, sequence: number, sessionTag = 0): ReceiverInput {
  return { kind: 'heard', received: { kind: 'message', envelope: { sessionTag, sequence, message } } };
}

export function dataOf(made: Made, block: number): HostMessage {
  return { kind: 'data', block, offsetBytes: 0, octets: made.image.blocks[block]! };
}

export function tagOf(state: ReceiverState): number {
  return state.session?.tag ?? 0;
}

const seal: HostMessage = { kind: 'seal', manifestDigest: wanted.image.manifestDigest, nonce: NONCE };
export const activateWith = (counter: number, made: Made = wanted): HostMessage => ({
  kind: 'activate',
  authorisation: bench.authorise(made, counter),
  nonce: NONCE,
});

function momentsOf(): Readonly<Record<string, Moment>> {
  const waitsFor =
    (...kinds: readonly ReceiverEffect['kind'][]) =>
    (kind: ReceiverEffect['kind']): boolean =>
      kinds.includes(kind);
  const begun = (mode: DeviceFacts['mode']): Moment => ({
    state: startReceiver(facts(mode), undefined, {
      originatorCounter: 0n,
      authorisationDigest: undefined,
      result: 'noImageHeld',
    }),
    owed: [],
  });
  const empty = begun('confirmed');
  const offer = heard(offerMessage(wanted, false, 9), 1);
  const receiving = give(empty, offer, NOTHING_WAITS);
  const blocks = wanted.image.blocks.length;
  const withBlocks = (moment: Moment, count: number): Moment => {
    let next = moment;
    for (let block = 0; block < count; block++)
      next = give(next, heard(dataOf(wanted, block), block + 1, tagOf(next.state)), NOTHING_WAITS);
    return next;
  };
  const first = heard(dataOf(wanted, 0), 1, tagOf(receiving.state));
  const part: HostMessage = {
    kind: 'data',
    block: 1,
    offsetBytes: 10,
    octets: wanted.image.blocks[1]!.subarray(10, 90),
  };
  const complete = withBlocks(receiving, blocks);
  const sealed = give(complete, heard(seal, 50, tagOf(complete.state)), NOTHING_WAITS);
  const foreignSeal = give(complete, heard(seal, 50, tagOf(complete.state)), waitsFor('seal-image'));
  const failed = give(
    { ...foreignSeal, owed: [] },
    { kind: 'image-sealed', code: 'hashMismatch', imageHash: new Uint8Array(32).fill(1) },
    NOTHING_WAITS,
  );
  const memory = { originatorCounter: 1n, authorisationDigest: new Uint8Array(32).fill(2), result: 'pending' } as const;
  return {
    empty,
    checking: give(empty, offer, waitsFor('check-offer')),
    preparing: give(empty, offer, waitsFor('prepare')),
    receiving,
    'receiving-part': give(receiving, heard(part, 1, tagOf(receiving.state)), NOTHING_WAITS),
    'receiving-some': withBlocks(receiving, 2),
    'block-in-check': give(receiving, first, waitsFor('check-block')),
    'block-in-store': give(receiving, first, waitsFor('store-block')),
    'blocks-in-record': give(
      withBlocks(receiving, blocks - 1),
      heard(dataOf(wanted, blocks - 1), blocks, tagOf(receiving.state)),
      waitsFor('record-blocks'),
    ),
    'receiving-and-checking': give(
      withBlocks(receiving, 2),
      heard(offerMessage(other, true, 10), 60),
      waitsFor('check-offer'),
    ),
    complete,
    sealing: foreignSeal,
    sealed,
    'seal-failed': failed,
    deciding: give(sealed, heard(activateWith(1), 70), waitsFor('check-authorisation')),
    'storing-counter': give(sealed, heard(activateWith(1, other), 70), waitsFor('store-counter')),
    activating: give(sealed, heard(activateWith(1), 70), waitsFor('activate')),
    trial: { state: startReceiver(facts('trial'), undefined, memory), owed: [] },
    fallback: begun('fallback'),
    recovery: begun('recovery'),
  };
}

export const MOMENTS: Readonly<Record<string, Moment>> = momentsOf();
export const MOMENT_NAMES: readonly string[] = Object.keys(MOMENTS);
