/**
 * The meter, shown all that can reach it as messages: offer, blocks, authorisation. Each is spoilt inside a right frame, so that only
 * structure and signatures can refuse; and each frame is spoilt as a line would.
 */
import { decodeOutcome, encodeHostPayload, refusalOf, type HostMessage, type MeterMessage } from '@smets1/protocol';
import { AUTHORISATION, VERIFIED } from './bench-image.js';
import { BenchMeter } from './bench-meter.js';
import { bitFlips, truncations, type Checker, type Corruption } from './corruptions.js';

const { manifest, otaHeader, gbcsSignature, blocks, digest } = VERIFIED;
const NONCE = new Uint8Array(8).fill(5);

const offer = (
  given: { manifest?: Uint8Array; otaHeader?: Uint8Array; gbcsSignature?: Uint8Array } = {},
): HostMessage => ({
  kind: 'offer',
  replace: true,
  offerNonce: 1,
  manifest: manifest.octets,
  otaHeader,
  gbcsSignature,
  ...given,
});
const data = (block: number, octets: Uint8Array): HostMessage => ({ kind: 'data', block, offsetBytes: 0, octets });
const seal: HostMessage = { kind: 'seal', manifestDigest: digest, nonce: NONCE };
const activate = (authorisation: Uint8Array): HostMessage => ({ kind: 'activate', authorisation, nonce: NONCE });

const empty = new BenchMeter();
const receiving = empty.fork();
receiving.tell(offer());
const sealed = receiving.fork();
for (const [index, block] of blocks.entries()) sealed.tell(data(index, block));
const sealedAnswer = refusalOfSeal(sealed.tell(seal));
const intact = sealed.fork();
intact.tell(activate(AUTHORISATION));
if (sealedAnswer !== undefined || !intact.activated)
  throw new Error(`the meter did not take the intact image: ${sealedAnswer}`);

export const meterCheckers: readonly Checker[] = [
  checker(
    'manifest, each bit flipped',
    () => bitFlips(manifest.octets),
    (octets) => offered(offer({ manifest: octets })),
  ),
  checker(
    'manifest, each truncation',
    () => truncations(manifest.octets),
    (octets) => offered(offer({ manifest: octets })),
  ),
  checker(
    'OTA header, each bit flipped',
    () => bitFlips(otaHeader),
    (octets) => offered(offer({ otaHeader: octets })),
  ),
  checker(
    'GBCS signature, each bit flipped',
    () => bitFlips(gbcsSignature),
    (octets) => offered(offer({ gbcsSignature: octets })),
  ),
  checker('frame of the offer, each bit flipped', () => bitFlips(empty.frameOf(offer())), offeredInFrame),
  checker('frame of the offer, each truncation', () => truncations(empty.frameOf(offer())), offeredInFrame),
  ...blocks.flatMap((block, index) => [
    checker(
      `block ${index}, each bit flipped`,
      () => bitFlips(block),
      (octets) => blockInFrame(receiving.frameOf(data(index, octets))),
    ),
    checker(
      `block ${index}, each truncation`,
      () => truncations(block),
      (octets) => blockInFrame(receiving.frameOf(data(index, octets))),
    ),
    checker(
      `frame of block ${index}, each bit flipped`,
      () => bitFlips(receiving.frameOf(data(index, block))),
      blockInFrame,
    ),
  ]),
  checker('authorisation, each bit flipped', () => bitFlips(AUTHORISATION), authorised),
  checker(
    'message of the offer, each truncation in a right frame',
    () => truncations(encodeHostPayload(offer())),
    (octets) => offeredInFrame(empty.frameOfPayload('offer', octets)),
  ),
  checker(
    'message of the activation, each truncation in a right frame',
    () => truncations(encodeHostPayload(activate(AUTHORISATION))),
    (octets) => activatedByFrame(sealed.frameOfPayload('activate', octets)),
  ),
];

function checker(
  name: string,
  corruptions: () => Iterable<Corruption>,
  refusalOfOctets: (octets: Uint8Array) => string | undefined,
): Checker {
  return {
    name: `meter: ${name}`,
    *check() {
      for (const { what, octets } of corruptions()) yield { what, refusal: refusalOfOctets(octets) };
    },
  };
}

function offered(message: HostMessage): string | undefined {
  return offeredInFrame(empty.frameOf(message));
}

/** Refused at the offer; or, when it is taken, with all right blocks at the latest when the image is to be sealed. */
function offeredInFrame(frame: Uint8Array): string | undefined {
  const meter = empty.fork();
  const said = meter.hear(frame);
  if (!said.some(({ kind }) => kind === 'accept')) return refusalOfAnswer(said);
  for (const [index, block] of blocks.entries()) meter.tell(data(index, block));
  const refusal = refusalOfSeal(meter.tell(seal));
  return refusal === undefined ? undefined : `sealed: ${refusal}`;
}

/** Refused when nothing of it became durable or reached the slot. */
function blockInFrame(frame: Uint8Array): string | undefined {
  const meter = receiving.fork();
  const said = meter.hear(frame);
  if (meter.durableCount > 0 || meter.slot.some((octet) => octet !== 0)) return undefined;
  const nack = said.find((message) => message.kind === 'nack');
  if (nack !== undefined) return `nack: ${nack.cause}`;
  return said.some(({ kind }) => kind === 'refuse') ? refusalOfAnswer(said) : 'not the whole block, or dropped';
}

function authorised(authorisation: Uint8Array): string | undefined {
  return activatedByFrame(sealed.frameOf(activate(authorisation)));
}

function activatedByFrame(frame: Uint8Array): string | undefined {
  const meter = sealed.fork();
  const said = meter.hear(frame);
  return meter.activated ? undefined : refusalOfAnswer(said);
}

function refusalOfAnswer(said: readonly MeterMessage[]): string {
  const refuse = said.find((message) => message.kind === 'refuse');
  if (refuse !== undefined) return refusalOf(refuse.code) ?? `code ${refuse.code}`;
  return said.length === 0 ? 'dropped' : said.map(({ kind }) => kind).join(' ');
}

function refusalOfSeal(said: readonly MeterMessage[]): string | undefined {
  const answer = said.find((message) => message.kind === 'sealed');
  if (answer === undefined) return refusalOfAnswer(said);
  const outcome = decodeOutcome(answer.outcome);
  if (!outcome.ok) return outcome.fault.code;
  return outcome.value.code === 'success' ? undefined : outcome.value.code;
}
