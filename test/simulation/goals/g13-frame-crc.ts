/**
 * G13: what noise can pass for a frame. Proved for the largest frame, by syndromes of the shipped CRCs: no error of one, two or three bits goes
 * unseen, and no burst as long as the CRC. Shown on the encoded wire, with firmware in the frames: no single flipped bit makes another frame;
 * of random noise no more passes a CRC than chance allows; what is made to pass every CRC is stopped by the signature.
 *
 * The 32 residue bits of a frame cannot be seen to be all zero in a run of any length, so its two halves are counted apart: each must be zero no
 * more often than 1.2 in 2^16, as must the header's CRC.
 */
import { createWorld } from '@smets1/host';
import { CRC16_BYTES, CRC32_BYTES, DATA_OVERHEAD_BYTES, decodeFrame, FRAME_PAYLOAD_BYTES_MAX } from '@smets1/protocol';
import { VERIFIED } from '../../corruption/bench-image.js';
import { BenchMeter } from '../../corruption/bench-meter.js';
import {
  checkShift,
  FRAME_CODE,
  HEADER_CODE,
  isAffine,
  proveBursts,
  proveFewBits,
  residueOf,
  shiftOrder,
  syndromesOf,
  UNSEEN_BURST,
  type CheckedCode,
} from '../frames/syndromes.js';
import { firmwareOctets, flip, framesIn, spoil, wireFrameOf, type Firmware } from '../frames/wire-noise.js';
import type { Goal, GoalContext, GoalCount } from '../goal.js';
import { isMine, Tally } from '../goal.js';

const LARGEST_BYTES: number = FRAME_PAYLOAD_BYTES_MAX + DATA_OVERHEAD_BYTES;
const HEADER_BYTES: number = DATA_OVERHEAD_BYTES - CRC16_BYTES - CRC32_BYTES;
const RESIDUE_FACTOR = 1.2;
/** Of a count of rare events: five times its spread is no accident. */
const SPREADS = 5;
const NOISE_BATCH = 2_000;
const NOISE_PAYLOADS: readonly number[] = [16, 64, 200, 300];
const AFFINE_SAMPLES = 200;
const FLIPS_BATCH = 1_024;

export const goal: Goal = {
  id: 'G13',
  title: 'frame CRCs: proved by syndromes, measured on the encoded wire, backed by signatures',
  invariants: ['I7'],
  floors: { Q: 1_000_000, M: 20_000_000, L: 120_000_000 },
  floorCi: 100_000,
  mustStrike: ['provedBits', 'provedBursts', 'affine', 'wireFlips', 'noisyFrames', 'fooledCrc', 'stoppedBySignature'],
  run,
};

function run(context: GoalContext): GoalCount {
  const tally = new Tally();
  const firmware = firmwareOctets();
  tally.add(firmware.from);
  const [kind] = context.only?.split(':') ?? [];
  const wants = (name: string): boolean => kind === undefined || kind === name;
  let worlds = 0;
  if (wants('proof') && (kind !== undefined || context.worker.index === 0)) worlds += prove(context, tally);
  if (wants('fooled')) worlds += foolCrc(context, tally);
  if (wants('wire')) worlds += flipWire(context, tally, firmware);
  context.progress(worlds);
  if (wants('noise')) worlds += makeNoise(context, tally, firmware, worlds);
  return {
    worlds,
    distinct: worlds,
    struck: tally.counts,
    seedRange: [context.seed, context.seed + (tally.counts['batches'] ?? 0)],
  };
}

/** Both codes at the largest lengths they ever cover. */
function prove(context: GoalContext, tally: Tally): number {
  const random = createWorld({ seed: context.seed }).random('affine');
  for (const code of [HEADER_CODE(HEADER_BYTES), FRAME_CODE(LARGEST_BYTES - CRC32_BYTES)]) {
    const fail = (detail: string): void => context.fail('proof', `${code.name}: ${detail}`);
    for (let i = 0; i < AFFINE_SAMPLES; i++) {
      tally.add('affine');
      if (!isAffine(code, (bytes) => random.octets(bytes))) fail('is not affine, so syndromes say nothing of it');
    }
    const syndromes = syndromesOf(code);
    const order = shiftOrder(code);
    const broken = checkShift(syndromes, order, code.width);
    if (broken !== undefined) fail(broken);
    const few = proveFewBits(syndromes, order);
    const bursts = proveBursts(syndromes, order, code.width);
    for (const hole of [...few.holes, ...bursts.holes].slice(0, 5)) fail(`${hole} go unseen`);
    tally.add('provedBits', few.bits);
    tally.add('provedPatterns', few.patterns);
    tally.add('provedBursts', bursts.patterns);
    tally.add('holes', few.holes.length + bursts.holes.length);
  }
  return 2;
}

/** An error that no CRC-32 sees, at every place of a block: the frame is believed, the block is not. */
function foolCrc(context: GoalContext, tally: Tally): number {
  const meter = new BenchMeter();
  const { manifest, otaHeader, gbcsSignature, blocks } = VERIFIED;
  meter.tell({ kind: 'offer', replace: true, offerNonce: 1, manifest: manifest.octets, otaHeader, gbcsSignature });
  let worlds = 0;
  for (const [block, octets] of blocks.entries()) {
    const frame = meter.frameOf({ kind: 'data', block, offsetBytes: 0, octets });
    const first = (HEADER_BYTES + CRC16_BYTES) * 8;
    const end = (frame.length - CRC32_BYTES) * 8 - 32;
    for (let from = first; from < end; from++) {
      const caseId = `fooled:${block}:${from}`;
      if (context.only === undefined ? !isMine(context, from) : context.only !== 'fooled' && context.only !== caseId)
        continue;
      const spoilt = frame.slice();
      for (const bit of UNSEEN_BURST) flip(spoilt, from + bit);
      worlds += 1;
      if (decodeFrame(spoilt).kind !== 'frame') {
        context.fail(caseId, 'the error that was made to pass the CRC did not, so this shows nothing');
        continue;
      }
      tally.add('fooledCrc');
      const shown = meter.fork();
      shown.hear(spoilt);
      if (shown.durableCount > 0 || shown.slot.some((octet) => octet !== 0))
        context.fail(caseId, 'a forged block reached the slot');
      else tally.add('stoppedBySignature');
    }
  }
  return worlds;
}

/** Every single bit of the largest frame on the encoded wire, delimiter and COBS codes included. */
function flipWire(context: GoalContext, tally: Tally, { octets }: Firmware): number {
  let worlds = 0;
  const { frame, wire } = wireFrameOf(octets, 0x10_000, FRAME_PAYLOAD_BYTES_MAX, 77);
  const spoilt = wire.slice();
  const step = context.tier === 'Q' ? 16 : 1;
  for (let bit = 0; bit < wire.length * 8 && (worlds % FLIPS_BATCH !== 0 || context.timeLeft()); bit += step) {
    const caseId = `wire:${bit}`;
    if (context.only === undefined ? !isMine(context, bit / step) : context.only !== 'wire' && context.only !== caseId)
      continue;
    flip(spoilt, bit);
    worlds += 1;
    tally.add('wireFlips');
    // A flip in the delimiter leaves the frame without an end: the next one comes right behind it.
    for (const found of framesIn(concatZero(spoilt))) {
      if (decodeFrame(found).kind === 'frame' && Buffer.compare(found, frame) !== 0)
        context.fail(caseId, 'one flipped bit made another frame');
    }
    flip(spoilt, bit);
  }
  return worlds;
}

function concatZero(octets: Uint8Array): Uint8Array {
  const longer = new Uint8Array(octets.length + 1);
  longer.set(octets);
  return longer;
}

/** Noise until time or the floor's fill is reached; a case is a batch of frames, drawn from seed and batch number. */
function makeNoise(context: GoalContext, tally: Tally, firmware: Firmware, before: number): number {
  let worlds = 0;
  const only = context.only === undefined ? undefined : Number(context.only.split(':')[1] ?? 0);
  for (let batch = only ?? context.worker.index; context.timeLeft(); batch += context.worker.count) {
    worlds += noiseBatch(context, tally, firmware, batch);
    tally.add('batches');
    context.progress(before + worlds);
    if (only !== undefined) break;
  }
  for (const name of ['header', 'frameLow', 'frameHigh'] as const) {
    const shown = tally.counts[`${name}Residues`] ?? 0;
    const zero = tally.counts[`${name}Unseen`] ?? 0;
    const allowed = (RESIDUE_FACTOR * shown) / 2 ** 16;
    if (zero > allowed + SPREADS * Math.sqrt(allowed))
      context.fail(`noise:${name}`, `${zero} of ${shown} residues were zero, ${allowed.toFixed(1)} are allowed`);
  }
  return worlds;
}

function noiseBatch(context: GoalContext, tally: Tally, { octets }: Firmware, batch: number): number {
  const random = createWorld({ seed: context.seed + batch }).random('noise');
  for (let i = 0; i < NOISE_BATCH; i++) {
    const payloadBytes = random.pick(NOISE_PAYLOADS);
    const { frame, wire } = wireFrameOf(octets, random.below(octets.length - payloadBytes), payloadBytes, random.u32());
    spoil(wire, random);
    tally.add('noisyFrames');
    for (const found of framesIn(concatZero(wire))) {
      if (found.length < DATA_OVERHEAD_BYTES) continue;
      if (Buffer.compare(found, frame) === 0) continue;
      if (decodeFrame(found).kind === 'frame')
        context.fail(`noise:${batch}`, `noise made a frame of ${found.length} octets`);
      residues(tally, found, frame);
    }
  }
  return NOISE_BATCH;
}

function residues(tally: Tally, found: Uint8Array, frame: Uint8Array): void {
  const header = found.subarray(0, HEADER_BYTES + CRC16_BYTES);
  if (Buffer.compare(header, frame.subarray(0, header.length)) !== 0) {
    tally.add('headerResidues');
    if (residueOf(HEADER, header) === 0) tally.add('headerUnseen');
  }
  if (!isLong(found, frame)) return;
  const residue = residueOf(FRAME_CODE(found.length - CRC32_BYTES), found);
  tally.add('frameLowResidues');
  tally.add('frameHighResidues');
  if ((residue & 0xffff) === 0) tally.add('frameLowUnseen');
  if (residue >>> 16 === 0) tally.add('frameHighUnseen');
}

/**
 * Whether an error reaches further than the CRC is wide. A shorter one is a burst, which the proof covers; half of its residue may well be zero,
 * as when only the other half of the CRC itself was hit.
 */
function isLong(found: Uint8Array, frame: Uint8Array): boolean {
  if (found.length !== frame.length) return true;
  const covered = frame.length - CRC32_BYTES;
  let first = 0;
  while (found[first] === frame[first]) first += 1;
  let last = covered - 1;
  while (last > first && found[last] === frame[last]) last -= 1;
  return last - first > CRC32_BYTES;
}

const HEADER: CheckedCode = HEADER_CODE(HEADER_BYTES);
