/** The frames of an honest update, played again: from the start, to the end, in part, in disorder; to the same meter later and to another one. */
import { manufacture, createFlash, readBootState, startEsme, type NorFlash } from '@smets1/emulator';
import { createWorld, runMeterInWorld, runSenderInWorld, worldLink } from '@smets1/host';
import { crc32 } from '@smets1/protocol';
import { OFF_MS, type CutCount } from '../engine/cut-worlds.js';
import { EPOCH_S, LATENCY_MS, powerOn } from '../engine/life.js';
import { CRYPTO, DEVICE_KEY, IDENTITY, party, SIGNER } from '../engine/parties.js';
import { planFor, type Scene } from '../engine/scene.js';
import { isMine, type GoalContext, type Tier } from '../goal.js';
import { scene } from './scenes.js';
import { seededRandom } from './seeded.js';

const REPLAYS: Readonly<Record<Tier, number>> = { Q: 600, M: 10_000, L: 100_000 };
const STRANGER: Uint8Array = Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa1);

interface Target {
  readonly name: string;
  readonly flash: NorFlash;
}

export function replays(context: GoalContext, count: CutCount): void {
  const its = scene({ path: 'update', imageBytes: 4_096 });
  const finished = its.start.fork();
  const frames = recorded(its, finished);
  const later = finished.fork();
  const third = party({ version: 0x0505, imageBytes: 3_000 });
  recorded({ ...its, plan: planFor(third, 2n) }, later);
  const targets: readonly Target[] = [
    { name: 'afterwards', flash: finished },
    { name: 'after-another-update', flash: later },
    { name: 'another-meter', flash: anotherMeter(its) },
  ];
  for (let i = 0; i < REPLAYS[context.tier] && context.timeLeft(); i++) {
    const target = targets[i % targets.length]!;
    const caseId = `replay:${i}`;
    if (context.only === undefined ? !isMine(context, Math.floor(i / targets.length)) : context.only !== caseId)
      continue;
    const seed = context.seed + i;
    count.drew(seed);
    count.world(true);
    count.tally.add('replays');
    count.tally.add(`replays-to-${target.name}`);
    count.fail(caseId, play(target.flash.fork(), part(frames, i, seed), count));
  }
}

/** What the host put on the line in a whole update. */
function recorded(its: Scene, flash: NorFlash): readonly Uint8Array[] {
  const world = createWorld({ seed: 1 });
  const { a, b } = worldLink(world, { latencyMs: LATENCY_MS });
  const meter = powerOn(its, flash, 0);
  const frames: Uint8Array[] = [];
  runMeterInWorld(
    world,
    {
      hear(frame, nowMs) {
        frames.push(frame.slice());
        return meter.hear(frame, nowMs);
      },
      tick: (nowMs) => meter.tick(nowMs),
      wakeAtMs: () => Math.max(world.now(), meter.wakeAtMs()),
    },
    b,
  );
  const sender = runSenderInWorld(world, { plan: its.plan, end: a, crypto: CRYPTO, deviceKey: DEVICE_KEY });
  world.run({ until: () => sender.result() !== undefined });
  if (sender.result()?.kind !== 'done') throw new Error(`the update to record failed: ${sender.result()?.kind}`);
  return frames;
}

function anotherMeter(its: Scene): NorFlash {
  const flash = createFlash(its.layout);
  manufacture(flash, CRYPTO, { ...IDENTITY, eui64: STRANGER }, its.old.slotImage);
  return flash;
}

/** Every prefix and every suffix once; then parts, doubled and out of order, as the seed has it. */
function part(frames: readonly Uint8Array[], i: number, seed: number): readonly Uint8Array[] {
  const at = Math.floor(i / 3);
  if (at < frames.length) return frames.slice(0, frames.length - at);
  if (at < 2 * frames.length) return frames.slice(at - frames.length);
  const luck = seededRandom(seed, 'replay');
  const kept = frames.filter(() => luck.chance(0.7));
  for (let n = luck.below(6); n > 0 && kept.length > 1; n--) {
    const [frame] = kept.splice(luck.below(kept.length), 1);
    const to = luck.below(kept.length + 1);
    kept.splice(to, 0, ...(luck.chance(0.3) ? [frame!, frame!] : [frame!]));
  }
  return kept;
}

function play(flash: NorFlash, frames: readonly Uint8Array[], count: CutCount): readonly string[] {
  const before = readBootState(flash, { crc32 });
  let atMs = 2 * OFF_MS;
  const ports = { flash, crypto: CRYPTO, signer: SIGNER };
  try {
    const meter = startEsme(ports, { epochS: EPOCH_S }, atMs);
    for (const frame of frames) {
      atMs += 5;
      if (meter.hear(frame, atMs).length > 0) count.tally.add('replays-heard');
    }
    for (let i = 0; i < 10; i++) meter.tick((atMs += 500));
    for (let starts = 0; starts < 2; starts++) startEsme(ports, { epochS: EPOCH_S }, (atMs += OFF_MS));
  } catch (error) {
    return [`I12 the meter throws: ${error instanceof Error ? error.message : String(error)}`];
  }
  const after = readBootState(flash, { crc32 });
  const found: string[] = [];
  if (
    after.confirmed?.version !== before.confirmed?.version ||
    after.pending !== undefined ||
    after.trial !== undefined
  ) {
    found.push('I3 a replay activated an image');
  }
  if (after.highestOriginatorCounter !== before.highestOriginatorCounter) {
    found.push(`I3 a replay moved the counter to ${after.highestOriginatorCounter}`);
  }
  if (after.confirmed?.securityCounter !== before.confirmed?.securityCounter) found.push('I4 a replay moved the floor');
  return found;
}
