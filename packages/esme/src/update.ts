/** One update from its first sender to its end. */
import { IMAGE_OFFSET_BYTES, slotRegion, type EsmeView, type FaultPlan } from '@smets1/emulator';
import {
  runMeterInWorld,
  runSenderInWorld,
  worldLink,
  type MeterPort,
  type WorldEnd,
  type WorldMeterRun,
} from '@smets1/host';
import { equalOctets, toHex, type SenderPlan, type SenderResult } from '@smets1/protocol';
import type { Bench } from './bench-keys.js';
import { DeskError } from './error.js';
import { LATENCY_MS_DEFAULT, OFF_MS_DEFAULT, RECONNECT_MS, SENDERS_MAX_DEFAULT } from './limits.js';
import type { DeskImage, Struck, UpdateEnd, UpdateOptions, VirtualEsme } from './types.js';

/** What an update needs of the meter that it happens to. */
export interface Stage {
  readonly esme: VirtualEsme;
  readonly bench: Bench;
  readonly known: ReadonlyMap<string, DeskImage>;
  readonly port: MeterPort;
  /** From now on the power comes back by itself. */
  cutAsPlanned(cuts: readonly FaultPlan[], offMs: number): void;
  /** What has not struck by now never will, and the meter is on. */
  endCuts(): void;
  onRun(run: WorldMeterRun): void;
}

export function runUpdate(stage: Stage, image: DeskImage, options: UpdateOptions, lineName: string): UpdateEnd {
  const { esme, known } = stage;
  const { world } = esme;
  const before = esme.view();
  const old = known.get(before.runningHash);
  const startMs = world.now();
  const countedBefore = struckIn(esme);
  const activates = options.activate ?? true;
  const authorisation = options.authorisation ?? (activates ? esme.authorise(image) : undefined);
  const plan: SenderPlan = { ...esme.plan(image, authorisation), replace: options.replace ?? true };

  const line = worldLink(world, options.line ?? { latencyMs: LATENCY_MS_DEFAULT }, lineName);
  stage.cutAsPlanned(options.cuts ?? [], options.offMs ?? OFF_MS_DEFAULT);
  stage.onRun(runMeterInWorld(world, stage.port, line.b));
  const { result, senders } = sendUntilDone(stage, plan, line.a, options);
  stage.endCuts();

  const after = esme.view();
  return {
    runs: whatRuns(stage, after, old, image),
    mode: after.mode,
    outcome: outcomeOf(result, before.runningHash === toHex(image.manifest.imageHash)),
    result,
    senders,
    struck: difference(struckIn(esme), countedBefore),
    tookMs: world.now() - startMs,
  };
}

/** Senders follow each other as an operator's would: after a kill, and while the line or the meter's silence is to blame. */
function sendUntilDone(
  { esme: { world }, bench }: Stage,
  plan: SenderPlan,
  end: WorldEnd,
  options: UpdateOptions,
): { readonly result: SenderResult | undefined; readonly senders: number } {
  const kills = [...(options.kills ?? [])];
  const sendersMax = options.sendersMax ?? SENDERS_MAX_DEFAULT;
  let result: SenderResult | undefined;
  let senders = 0;
  while (senders < sendersMax && !isEnd(result)) {
    senders += 1;
    const { crypto, deviceKey } = bench;
    const sender = runSenderInWorld(world, { plan, end, crypto, deviceKey, reconnectMs: RECONNECT_MS });
    const killAfterMs = kills.shift();
    const killAtMs = killAfterMs === undefined ? Infinity : world.now() + killAfterMs;
    if (killAtMs < Infinity) world.at(killAtMs, () => undefined);
    world.run({ until: () => sender.result() !== undefined || world.now() >= killAtMs });
    result = sender.result();
    if (result !== undefined) continue;
    sender.kill();
    world.trace('sender-kill');
  }
  return { result, senders };
}

function isEnd(result: SenderResult | undefined): boolean {
  if (result === undefined) return false;
  return result.kind === 'done' || !TRY_AGAIN.has(result.reason);
}

const TRY_AGAIN: ReadonlySet<string> = new Set(['no-answer', 'interrupted', 'too-noisy']);

function outcomeOf(result: SenderResult | undefined, ranBefore: boolean): UpdateEnd['outcome'] {
  if (result === undefined) return 'gave-up';
  if (result.kind === 'failed') return result.reason;
  // The last sender may find running what one before it, which was cut off, has activated.
  return result.what === 'already-running' && !ranBefore ? 'activated' : result.what;
}

/** By the octets of the slot alone: what the meter says of itself is what is being tested. */
function whatRuns({ esme }: Stage, view: EsmeView, old: DeskImage | undefined, sent: DeskImage): UpdateEnd['runs'] {
  if (view.mode === 'recovery') return 'recovery';
  const { activeSlot } = view;
  if (activeSlot !== 0 && activeSlot !== 1) throw new DeskError('misuse', 'a meter that runs has no active slot');
  const region = slotRegion(esme.flash, activeSlot);
  const holds = (image: DeskImage): boolean =>
    view.runningHash === toHex(image.manifest.imageHash) &&
    equalOctets(region.read(IMAGE_OFFSET_BYTES, image.octets.length), image.octets);
  // An update to what runs already is still what ran before.
  if (old !== undefined && holds(old)) return 'old';
  return holds(sent) ? 'new' : 'neither';
}

function struckIn({ world }: VirtualEsme): Struck {
  return {
    powerCuts: world.count('power-cut'),
    senderKills: world.count('sender-kill'),
    framesLost: world.count('frame-lost'),
    framesDuplicated: world.count('frame-duplicated'),
    framesCorrupted: world.count('frame-corrupted'),
    framesOvertaken: world.count('frame-overtaken'),
    linkCuts: world.count('link-cut'),
    starts: world.count('meter-start'),
  };
}

function difference(after: Struck, before: Struck): Struck {
  const entries = Object.entries(after).map(([name, count]) => [name, count - before[name as keyof Struck]]);
  return Object.fromEntries(entries) as Struck;
}
