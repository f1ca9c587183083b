/** One meter's life in the fleet: made, powered on, sent the release over a line of its own, and looked at from outside. */
import { IMAGE_OFFSET_BYTES, readBootState, slotRegion, type FaultPlan, type NorFlash } from '@smets1/emulator';
import { createWorld, runMeterInWorld, runSenderInWorld, worldLink, type World, type WorldEnd } from '@smets1/host';
import { crc32, formatDeviceId, type SendableImage, type SenderPlan, type SenderResult } from '@smets1/protocol';
import { LATENCY_MS_MAX, LATENCY_MS_MIN, RECONNECT_MS, SENDERS_MAX } from './limits.js';
import { isExpected, outcomeOf, type MeterEnd } from './meter-end.js';
import { PoweredMeter } from './powered-meter.js';
import type { Release } from './release.js';
import type { NewMeter, Workshop } from './workshop.js';

export interface Updated {
  readonly end: MeterEnd;
  /** What the meter holds afterwards, its equal sectors shared with those of the other meters. */
  readonly flash: NorFlash;
}

/**
 * @param index - Of the meter.
 * @param operationsMax - Flash operations of an update in which nothing happens: a power cut strikes in one of them.
 * @throws HostError `world-failed` with the meter's seed, for a defect
 */
export function updateMeter(workshop: Workshop, index: number, operationsMax: number): Updated {
  const meter = workshop.make(index);
  const { flash, deviceKey, deviceId } = meter;
  const fault = workshop.faults.get(index) ?? 'none';
  const world = createWorld({ seed: meter.seed, hashed: false });
  if (fault === 'power-cut') flash.seedNoise(world.random('noise').u32());
  const powered = new PoweredMeter(world, flash, (nowMs) => workshop.start(meter, nowMs));
  const latencyMs = LATENCY_MS_MIN + world.random('latency').fraction() * (LATENCY_MS_MAX - LATENCY_MS_MIN);
  const line = worldLink(world, { latencyMs });
  powered.runsIn(runMeterInWorld(world, powered.port, line.b));
  if (fault === 'power-cut') powered.cutAt(drawCut(world, operationsMax));
  // Counted from where the cut is armed: a meter at rest has its first start behind it.
  const operationsBefore = flash.operationCount;
  const plan = planFor(workshop, meter, world);
  const { result, senders } = sendUntilDone(workshop, world, line.a, plan, deviceKey.publicKey);
  flash.shareSectors(workshop.sectors);
  const end: Omit<MeterEnd, 'asExpected'> = {
    index,
    deviceId: formatDeviceId(deviceId),
    fault,
    outcome: outcomeOf(result),
    runs: whatRuns(flash, workshop),
    attested: result?.kind === 'done' && result.attested,
    powerCuts: powered.cuts,
    senders,
    frames: world.count('frame-sent'),
    flashOperations: flash.operationCount - operationsBefore,
    tookMs: Math.round(world.now()),
  };
  return { end: { ...end, asExpected: isExpected(end) }, flash };
}

function planFor(workshop: Workshop, meter: NewMeter, world: World): SenderPlan {
  const image = imageFor(workshop, meter.index, world);
  return {
    image,
    authorisation: workshop.permit(meter, image),
    replace: true,
    deviceId: meter.deviceId,
    octetsPerSecond: undefined,
    random: world.random('sender').octets(8),
  };
}

function imageFor({ release, foreign, faults }: Workshop, index: number, world: World): SendableImage {
  switch (faults.get(index)) {
    case 'foreign-signature':
      return foreign;
    case 'spoilt-octet': {
      const random = world.random('spoilt');
      const block = random.below(release.image.blocks.length);
      const octets = release.image.blocks[block]!.slice();
      octets[random.below(octets.length)]! ^= 1 + random.below(255);
      return { ...release.image, blocks: release.image.blocks.with(block, octets) };
    }
    case 'power-cut':
    case undefined:
      return release.image;
  }
}

function drawCut(world: World, operationsMax: number): FaultPlan {
  const random = world.random('cut');
  return {
    cutAt: 1 + random.below(operationsMax),
    phase: random.pick(['before', 'during', 'after']),
    mode: random.pick(['prefix', 'bits']),
    seed: random.u32(),
    weak: random.chance(0.5),
    neighbour: random.chance(0.5),
  };
}

/** Senders follow each other as an operator's would, while the line or the meter's silence is to blame. */
function sendUntilDone(
  { checks: crypto }: Workshop,
  world: World,
  end: WorldEnd,
  plan: SenderPlan,
  deviceKey: Uint8Array,
): { readonly result: SenderResult | undefined; readonly senders: number } {
  let result: SenderResult | undefined;
  let senders = 0;
  while (senders < SENDERS_MAX && !isEnd(result)) {
    senders += 1;
    const sender = runSenderInWorld(world, { plan, end, crypto, deviceKey, reconnectMs: RECONNECT_MS });
    world.run({ until: () => sender.result() !== undefined });
    result = sender.result();
  }
  return { result, senders };
}

function isEnd(result: SenderResult | undefined): boolean {
  return result !== undefined && (result.kind === 'done' || !TRY_AGAIN.has(result.reason));
}

const TRY_AGAIN: ReadonlySet<string> = new Set(['no-answer', 'interrupted', 'too-noisy']);

/** By boot's records and the octets in the slot alone: what the meter says of itself is what is being tested. */
function whatRuns(flash: NorFlash, { release, first }: Workshop): MeterEnd['runs'] {
  const held = confirmedImage(flash);
  const isHeld = ({ octets }: Release): boolean => held !== undefined && Buffer.compare(held, octets) === 0;
  if (isHeld(release)) return 'new';
  return isHeld(first) ? 'old' : 'neither';
}

/** The octets of the image that boot has confirmed, read from flash; undefined where there is none, or another one is on trial. */
export function confirmedImage(flash: NorFlash): Uint8Array | undefined {
  // A fork has power whatever the flash has, and reading it leaves no trace there.
  const held = flash.fork();
  const { confirmed, pending } = readBootState(held, { crc32 });
  if (confirmed === undefined || pending !== undefined) return undefined;
  return slotRegion(held, confirmed.slot).read(IMAGE_OFFSET_BYTES, confirmed.imageBytes);
}
