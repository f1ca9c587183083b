/**
 * G12: nothing spoilt is ever taken for the package that was signed. One package of 131,072 octets with real P-256; every bit of it flipped, every
 * truncation, tails, swapped blocks, numbers at their bounds, signatures in every form that is none,
 * TLVs said twice; as it comes, and with lengths and CRCs
 * repaired so that only structure, hashes and signatures can refuse. Rightly signed images for other meters cost no flash operation.
 *
 * A case is `family:index`.
 */
import { nodeCrypto } from '@smets1/host';
import { runTask, verifyPackage, type CryptoPort } from '@smets1/protocol';
import { TRUST } from '../../corruption/bench-crypto.js';
import type { Goal, GoalContext, GoalCount, Tier } from '../goal.js';
import { isMine, Tally } from '../goal.js';
import { PACKAGE, PACKAGE_BYTES, rememberingCrypto, verdictOf } from '../packages/bench-package.js';
import { boundPairs, bounds, formCaseAt, forms, isTakenForm, policies } from '../packages/forgeries.js';
import { manifestTails, TAILS } from '../packages/manifest-tails.js';
import { MISFITS, objectionTo } from '../packages/misfits.js';
import {
  bitPairs,
  cuts,
  flips,
  quickBits,
  repairedCuts,
  repairedFlips,
  swaps,
  tails,
  type Family,
} from '../packages/spoilers.js';

/** One case in so many is judged by plain cryptography too, which must say the same as the one that remembers. */
const PLAIN_EVERY = 997;
const BLOCK_STEP_BYTES = 257;

export const goal: Goal = {
  id: 'G12',
  title: 'a spoilt package is refused: bits, truncations, tails, swaps, bounds, forms of signatures',
  invariants: ['I1', 'I7'],
  // M: 1,048,576 flips, as many truncations as octets, each as it comes and repaired; the CRC bits that a repair undoes left out.
  floors: { Q: 20_000, M: 2 * 1_048_576 + 2 * 131_072, L: 2 * 1_048_576 + 2 * 131_072 + 818_560 },
  floorCi: 5_000,
  mustStrike: [
    'flip',
    'flip-repaired',
    'cut',
    'cut-repaired',
    'tail',
    'swap',
    'form',
    'tlv',
    'bound',
    'policy',
    'bound-pair',
    'misfit',
    'plain',
    'signaturesChecked',
    'octetsUsed',
    'gbcsTwinTaken',
    'rightTailTaken',
  ],
  run,
};

function familiesOf(tier: Tier): readonly Family[] {
  const bits = tier === 'Q' ? quickBits() : undefined;
  const step = tier === 'Q' ? BLOCK_STEP_BYTES : 1;
  return [
    forms(),
    manifestTails(),
    bounds(),
    policies(),
    boundPairs(tier === 'Q' ? 500 : 20_000),
    tails(),
    swaps(),
    cuts(step),
    repairedCuts(step),
    flips(bits),
    repairedFlips(bits),
    ...(tier === 'L' ? [bitPairs(160)] : []),
  ];
}

function run(context: GoalContext): GoalCount {
  const tally = new Tally();
  const crypto = rememberingCrypto(PACKAGE);
  const plain = nodeCrypto();
  let worlds = 0;
  const ofCase = context.only?.split(':');
  if (ofCase === undefined || ofCase[0] === 'misfit') worlds += showMisfits(context, tally);
  if (ofCase === undefined && context.worker.index === 0) useOnlyWhatIsHashed(context, tally);
  // Round the families in turns, so that a short budget still sees something of each.
  const open = familiesOf(context.tier)
    .filter(({ name }) => ofCase === undefined || name === ofCase[0])
    .map((family) => ({ family, next: ofCase === undefined ? context.worker.index : Number(ofCase[1]) }));
  while (open.length > 0 && context.timeLeft()) {
    for (const turn of open) {
      const { family } = turn;
      const end =
        ofCase === undefined ? Math.min(turn.next + CASES_A_TURN * context.worker.count, family.count) : turn.next + 1;
      for (; turn.next < end; turn.next += context.worker.count) {
        const octets = family.make(turn.next);
        if (octets === undefined) continue;
        worlds += 1;
        tally.add(family.name);
        judge(context, tally, { name: family.name, index: turn.next, octets, crypto, plain });
      }
      if (ofCase !== undefined) turn.next = family.count;
    }
    for (let i = open.length - 1; i >= 0; i--) if (open[i]!.next >= open[i]!.family.count) open.splice(i, 1);
    context.progress(worlds);
  }
  tally.add('signaturesChecked', crypto.counts.checked);
  // Every case differs from every other in the octets that it shows.
  return { worlds, distinct: worlds, struck: tally.counts, seedRange: [0, 0] };
}

const CASES_A_TURN = 64;

interface Shown {
  readonly name: string;
  readonly index: number;
  readonly octets: Uint8Array;
  readonly crypto: CryptoPort;
  readonly plain: CryptoPort;
}

function judge(context: GoalContext, tally: Tally, { name, index, octets, crypto, plain }: Shown): void {
  const caseId = `${name}:${index}`;
  let refusal: string | undefined;
  try {
    refusal = verdictOf(octets, crypto);
    if (index % PLAIN_EVERY === 0) {
      tally.add('plain');
      const other = verdictOf(octets, plain);
      if (other !== refusal) context.fail(caseId, `plain cryptography says ${other}, the remembering one ${refusal}`);
    }
  } catch (error) {
    context.fail(caseId, `threw: ${String(error)}`);
    return;
  }
  const taken = takenFor(name, index);
  if (taken !== undefined) {
    tally.add(taken);
    if (refusal !== undefined) context.fail(caseId, `what is right was refused: ${refusal}`);
    return;
  }
  tally.add(`refused:${refusal ?? 'not'}`);
  if (refusal === undefined) context.fail(caseId, 'spoilt octets were taken for the package');
}

/** The few cases that are right, as what they are counted: a goal that refused everything would prove nothing. */
function takenFor(name: string, index: number): 'gbcsTwinTaken' | 'rightTailTaken' | undefined {
  if (name === 'tlv') return TAILS[index]!.isRight && 'rightTailTaken';
  if (name !== 'form') return undefined;
  const { form, signature } = formCaseAt(index);
  return isTakenForm(form, signature) ? 'gbcsTwinTaken' : undefined;
}

function showMisfits(context: GoalContext, tally: Tally): number {
  let shown = 0;
  for (const [index, misfit] of MISFITS.entries()) {
    const caseId = `misfit:${misfit.name}`;
    if (context.only === undefined ? !isMine(context, index) : context.only !== caseId) continue;
    shown += 1;
    tally.add('misfit');
    const objection = objectionTo(misfit);
    if (objection !== undefined) context.fail(caseId, objection);
  }
  return shown;
}

/** Everything that a verified package hands on was hashed or checked as it stands, and nobody reads anything else. */
function useOnlyWhatIsHashed(context: GoalContext, tally: Tally): void {
  const real = nodeCrypto();
  const covered: Buffer[] = [];
  const spy: CryptoPort = {
    sha256(chunks) {
      covered.push(Buffer.concat(chunks));
      return real.sha256(chunks);
    },
    verify(publicKey, message, signature, s) {
      covered.push(Buffer.from(message), Buffer.from(signature));
      return real.verify(publicKey, message, signature, s);
    },
  };
  const answer = runTask(verifyPackage(PACKAGE, TRUST), spy);
  if (!answer.ok) {
    context.fail('use', `the intact package was refused: ${answer.fault.code}`);
    return;
  }
  const { manifest, otaHeader, gbcsSignature, blocks } = answer.value;
  const signed = manifest.octets.subarray(0, manifest.signedOctets);
  const used = [signed, manifest.octets.subarray(manifest.signedOctets), otaHeader, gbcsSignature];
  for (const block of blocks) used.push(block.subarray(0, -64), block.subarray(-64));
  used.push(answer.value.manufacturerImage());
  for (const [index, octets] of used.entries()) {
    tally.add('octetsUsed', octets.length);
    if (!covered.some((hashed) => hashed.includes(Buffer.from(octets))))
      context.fail('use', `piece ${index} of ${octets.length} octets is used, and was not hashed or checked`);
  }
  if (PACKAGE.length !== PACKAGE_BYTES) context.fail('use', 'the package has another size than is claimed');
}
