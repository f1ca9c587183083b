/** One stretch of a meter's life with its power on: started from its flash, talked to by the shipped sender until that has its answer. */
import {
  PowerLost,
  readBootState,
  startEsme,
  type Esme,
  type EsmeOptions,
  type FlashOperation,
  type NorFlash,
} from '@smets1/emulator';
import { createWorld, runMeterInWorld, runSenderInWorld, worldLink } from '@smets1/host';
import { crc32, decodeHostMessage, decodeMeterMessage, type SenderPlan, type SenderResult } from '@smets1/protocol';
import { CRYPTO, DEVICE_KEY, SIGNER } from './parties.js';
import type { Scene } from './scene.js';

/** What the world outside may rely on: said by the meter, or said to it. Survives its power cuts. */
export interface Known {
  /** The permission to run the image was put on the line. */
  isActivationSent: boolean;
  /** Blocks that the meter has said to be durable. */
  durableBlocks: number;
  /** The meter signed that the image was taken, or that it was not. */
  result: SenderResult | undefined;
  /** Of the boot records, before the operation that is about to happen. */
  floor: number;
  bootEpoch: number;
}

export function nothingKnown(): Known {
  return { isActivationSent: false, durableBlocks: 0, result: undefined, floor: 0, bootEpoch: 0 };
}

export interface Moment {
  /** As it is before the operation. Fork it. */
  readonly flash: NorFlash;
  readonly operation: FlashOperation;
  /** Counts from 1, over this life. */
  readonly index: number;
  readonly known: Readonly<Known>;
  readonly nowMs: number;
}

export interface Life {
  readonly result: SenderResult | undefined;
  /** The power went: nothing more can be said of it. */
  readonly isCut: boolean;
  readonly operations: number;
  readonly nowMs: number;
}

export interface LifeOptions {
  readonly scene: Scene;
  readonly flash: NorFlash;
  readonly known: Known;
  readonly startMs: number;
  readonly plan?: SenderPlan;
  readonly onOperation?: (moment: Moment) => void;
}

export const LATENCY_MS = 1;
/** Long after the last word of any update. */
const LIFE_MS_MAX = 3_600_000;

/** From power on to the sender's end. Known is brought up to date as things are said. */
export function live(options: LifeOptions): Life {
  const { scene, flash, known, startMs, onOperation } = options;
  // A host that starts anew has no answer yet; what was confirmed stays confirmed.
  if (known.result?.kind === 'failed') known.result = undefined;
  const world = createWorld({ seed: 1 });
  const { a, b } = worldLink(world, { latencyMs: LATENCY_MS });
  let operations = 0;
  if (onOperation !== undefined) {
    const isBoot = bootRange(flash);
    let isStale = true;
    flash.watch((operation) => {
      operations += 1;
      if (isStale) noteBootState(flash, known);
      onOperation({ flash, operation, index: operations, known, nowMs: startMs + world.now() });
      isStale = isBoot(operation);
    });
  }
  let esme: Esme;
  try {
    esme = powerOn(scene, flash, startMs);
  } catch (error) {
    if (error instanceof PowerLost) return { result: undefined, isCut: true, operations, nowMs: startMs };
    throw error;
  }
  runMeterInWorld(
    world,
    {
      hear(frame, nowMs) {
        noteHost(frame, known);
        return noteMeter(esme.hear(frame, startMs + nowMs), known);
      },
      tick: (nowMs) => noteMeter(esme.tick(startMs + nowMs), known),
      wakeAtMs: () => Math.max(world.now(), esme.wakeAtMs() - startMs),
    },
    b,
  );
  const plan = options.plan ?? scene.plan;
  const sender = runSenderInWorld(world, { plan, end: a, crypto: CRYPTO, deviceKey: DEVICE_KEY });
  try {
    world.run({ until: () => sender.result() !== undefined, untilMs: LIFE_MS_MAX });
  } catch (error) {
    if (!(error instanceof Error && error.cause instanceof PowerLost)) throw error;
    return { result: undefined, isCut: true, operations, nowMs: startMs + world.now() };
  }
  known.result = sender.result();
  return { result: sender.result(), isCut: false, operations, nowMs: startMs + world.now() };
}

/** Starts the meter of a scene. @throws PowerLost and whatever else the meter throws */
export function powerOn(scene: Scene, flash: NorFlash, nowMs: number, more: Partial<EsmeOptions> = {}): Esme {
  const selfTest = (version: number): boolean => scene.isGood || version !== scene.next.version;
  return startEsme(
    { flash, crypto: CRYPTO, signer: SIGNER },
    { loadW: 500, epochS: EPOCH_S, selfTest, ...more },
    nowMs,
  );
}

export const EPOCH_S = 1_800_000_000;

function noteHost(frame: Uint8Array, known: Known): void {
  const received = decodeHostMessage(frame);
  if (received.kind === 'message' && received.envelope.message.kind === 'activate') known.isActivationSent = true;
}

function noteMeter(frames: readonly Uint8Array[], known: Known): readonly Uint8Array[] {
  for (const frame of frames) {
    const received = decodeMeterMessage(frame);
    if (received.kind !== 'message') continue;
    const { message } = received.envelope;
    // A new offer starts from what the meter says it has; a sack only ever adds.
    if (message.kind === 'accept') known.durableBlocks = message.durableCount;
    if (message.kind === 'sack') known.durableBlocks = Math.max(known.durableBlocks, message.durableCount);
  }
  return frames;
}

function noteBootState(flash: NorFlash, known: Known): void {
  const { confirmed, bootEpoch } = readBootState(flash, { crc32 });
  known.floor = Math.max(known.floor, confirmed?.securityCounter ?? 0);
  known.bootEpoch = Math.max(known.bootEpoch, bootEpoch);
}

function bootRange(flash: NorFlash): (operation: FlashOperation) => boolean {
  const parts = flash.layout.partitions.filter(({ name }) => name === 'boot-a' || name === 'boot-b');
  return (operation) => {
    const at = operation.kind === 'program' ? operation.offsetBytes : flash.sectors[operation.sectorIndex]!.offsetBytes;
    return parts.some(({ offsetBytes, lengthBytes }) => at >= offsetBytes && at < offsetBytes + lengthBytes);
  };
}
