/** Everything that a receiver can be given: each message right and wrong, and each report of its host, asked for or not. */
import {
  beginHeld,
  checkAuthorisation,
  runTask,
  type HostMessage,
  type ReceiverInput,
  type ReceiverState,
} from '@smets1/protocol';
import { OTHER_DEVICE_ID } from '../transfers/images.js';
import { offerMessage } from '../transfers/middle.js';
import {
  activateWith,
  ancient,
  bench,
  dataOf,
  facts,
  foreign,
  heard,
  NONCE,
  NOW_MS,
  NOW_S,
  other,
  tagOf,
  wanted,
} from './receiver-states.js';

type Make = (state: ReceiverState) => ReceiverInput;

const REPLY = { sessionTag: 0, sequence: 99, nonce: NONCE };
const message =
  (of: HostMessage, sequence: number, tag: 'session' | 'none' | 'wrong' = 'none'): Make =>
  (state) =>
    heard(of, sequence, { session: tagOf(state), none: 0, wrong: 0xdead_beef }[tag]);
const checkedAuthorisation = (octets: Uint8Array): ReceiverInput => ({
  kind: 'authorisation-checked',
  octets,
  reply: REPLY,
  result: runTask(checkAuthorisation(octets, bench.trust), bench.crypto),
  nowS: NOW_S,
});

const held = beginHeld(wanted.image, 1);
const fragment: HostMessage = {
  kind: 'data',
  block: 0,
  offsetBytes: 5,
  octets: wanted.image.blocks[0]!.subarray(5, 80),
};
const seal = (digest: Uint8Array): HostMessage => ({ kind: 'seal', manifestDigest: digest, nonce: NONCE });
// Higher than any other here: a host reports counters in the order in which they were asked to be stored.
const authorised = runTask(checkAuthorisation(bench.authorise(wanted, 50), bench.trust), bench.crypto);
if (!authorised.ok) throw new Error('the authorisation of the bench is not right');

export const INPUTS: Readonly<Record<string, Make>> = {
  hello: message({ kind: 'hello', minor: 0, frameBytesMax: 8_192, nonce: NONCE }, 100),
  'offer-same': message(offerMessage(wanted, false, 9), 101),
  'offer-same-anew': message(offerMessage(wanted, false, 10), 102),
  'offer-other': message(offerMessage(other, false, 11), 103),
  'offer-other-replacing': message(offerMessage(other, true, 12), 104),
  'offer-ancient': message(offerMessage(ancient, true, 13), 105),
  'offer-foreign': message(offerMessage(foreign, true, 14), 106),
  'data-first': message(dataOf(wanted, 0), 1, 'session'),
  'data-second': message(dataOf(wanted, 1), 2, 'session'),
  'data-last': message(dataOf(wanted, wanted.image.blocks.length - 1), 5, 'session'),
  'data-foreign': message(dataOf(other, 0), 6, 'session'),
  'data-fragment': message(fragment, 7, 'session'),
  'data-outside': message({ kind: 'data', block: 999, offsetBytes: 0, octets: NONCE }, 8, 'session'),
  'data-beyond': message({ kind: 'data', block: 0, offsetBytes: 0xffff_fff0, octets: NONCE }, 9, 'session'),
  'data-sequence-0': message(dataOf(wanted, 0), 0, 'session'),
  'data-far-ahead': message(dataOf(wanted, 2), 0xffff_ffff, 'session'),
  'data-of-no-session': message(dataOf(wanted, 0), 1, 'wrong'),
  'get-map': message({ kind: 'get-map', firstBlock: 0 }, 110, 'session'),
  'get-map-outside': message({ kind: 'get-map', firstBlock: 65_535 }, 111, 'session'),
  'get-map-of-no-session': message({ kind: 'get-map', firstBlock: 0 }, 112, 'wrong'),
  ping: message({ kind: 'ping' }, 120, 'session'),
  'ping-of-no-session': message({ kind: 'ping' }, 121, 'wrong'),
  seal: message(seal(wanted.image.manifestDigest), 130, 'session'),
  'seal-other': message(seal(other.image.manifestDigest), 131),
  activate: message(activateWith(5), 140),
  'activate-other': message(activateWith(6, other), 141),
  'activate-foreign': message(activateWith(7, foreign), 142),
  'activate-elsewhere': message(
    { kind: 'activate', authorisation: bench.authorise(wanted, 8, OTHER_DEVICE_ID), nonce: NONCE },
    143,
  ),
  'activate-forged': message(
    { kind: 'activate', authorisation: bench.authorise(wanted, 9).slice().fill(1, 168), nonce: NONCE },
    144,
  ),
  'read-version': message({ kind: 'read-version', nonce: NONCE }, 150),
  'get-state': message({ kind: 'get-state' }, 151),
  abort: message({ kind: 'abort', reason: 1 }, 152, 'session'),
  'abort-of-no-session': message({ kind: 'abort', reason: 1 }, 153, 'wrong'),
  'spoilt-data': (state) => ({
    kind: 'heard',
    received: { kind: 'spoilt-data', sessionTag: tagOf(state), sequence: 3, block: 0, offsetBytes: 0, lengthBytes: 64 },
  }),
  unknown: () => ({ kind: 'heard', received: { kind: 'unknown', type: 0x3f, sessionTag: 0, sequence: 160 } }),
  echo: () => ({ kind: 'heard', received: { kind: 'unknown', type: 0x44, sessionTag: 0, sequence: 161 } }),
  malformed: () => ({ kind: 'heard', received: { kind: 'malformed', type: 2, sessionTag: 0, sequence: 162 } }),
  dropped: () => ({ kind: 'heard', received: { kind: 'dropped', fault: 'crc' } }),
  'other-version': () => ({ kind: 'heard', received: { kind: 'dropped', fault: 'hello-version' } }),
  tick: () => ({ kind: 'tick' }),
  'report:offer-refused': () => ({
    kind: 'offer-checked',
    result: { ok: false, fault: { code: 'badSignature', detail: 'not signed' } },
  }),
  'report:prepared': () => ({ kind: 'prepared', held }),
  'report:not-prepared': () => ({ kind: 'prepared', held: undefined }),
  'report:block-right': () => ({ kind: 'block-checked', block: 0, octets: wanted.image.blocks[0]!, ok: true }),
  'report:block-wrong': () => ({ kind: 'block-checked', block: 0, octets: wanted.image.blocks[0]!, ok: false }),
  'report:stored': () => ({ kind: 'block-stored', block: 0, ok: true }),
  'report:not-stored': () => ({ kind: 'block-stored', block: 0, ok: false }),
  'report:recorded': () => ({ kind: 'blocks-recorded', blocks: [0, 1], ok: true }),
  'report:not-recorded': () => ({ kind: 'blocks-recorded', blocks: [0, 1], ok: false }),
  'report:sealed': () => ({ kind: 'image-sealed', code: 'success', imageHash: wanted.image.manifest.imageHash }),
  'report:seal-wrong': () => ({ kind: 'image-sealed', code: 'hashMismatch', imageHash: new Uint8Array(32) }),
  'report:seal-failed': () => ({ kind: 'seal-failed' }),
  'report:authorised': () => checkedAuthorisation(bench.authorise(wanted, 5)),
  'report:not-authorised': () => checkedAuthorisation(bench.authorise(foreign, 5).slice().fill(1, 104, 168)),
  'report:counter-stored': () => ({
    kind: 'counter-stored',
    authorised: authorised.value,
    result: 'noImageHeld',
    reply: REPLY,
    ok: true,
  }),
  'report:counter-not-stored': () => ({
    kind: 'counter-stored',
    authorised: authorised.value,
    result: 'noImageHeld',
    reply: REPLY,
    ok: false,
  }),
  'report:activation-failed': () => ({ kind: 'activation-failed', reply: REPLY }),
  'report:outcome-signed': () => ({ kind: 'outcome-signed', reply: REPLY, as: 'outcome', octets: new Uint8Array(208) }),
  // Only a trial is ever confirmed: elsewhere no host has such a report to give.
  'report:confirmed': ({ device }) =>
    device.mode === 'trial' ? { kind: 'confirmed', device: facts('confirmed') } : { kind: 'tick' },
};
export const INPUT_NAMES: readonly string[] = Object.keys(INPUTS);

/** Late enough that a silent session has ended. */
export function timeOf(name: string): number {
  return name === 'tick' ? NOW_MS + 200_000 : NOW_MS;
}
