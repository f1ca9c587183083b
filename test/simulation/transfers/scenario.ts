/** What a seed stands for: first the rates and the roles of one world, then, drawn from the same stream, everything that happens in it. */
import type { Random } from '@smets1/host';
import type { Framing } from '@smets1/protocol';
import { SHAPE_BYTES } from './images.js';
import { LIAR_NAMES } from './liars.js';
import { drawRates, QUIET, type LineRates } from './line.js';
import { STAGER_NAMES } from './stagers.js';

/** `flat`: receiver and staging over memory. `flash`: the whole meter of the emulator. */
export type MeterKind = 'flat' | 'flash';

export interface Scenario {
  readonly meterKind: MeterKind;
  readonly shapeIndex: number;
  readonly framing: Framing;
  readonly latencyMs: number;
  readonly rates: LineRates;
  /** Whether the image is to be activated; else it is only sent and sealed. */
  readonly activates: boolean;
  readonly selfTest: boolean;
  readonly stager: string | undefined;
  readonly liar: string | undefined;
  /** For each step of the meter on what survives a cut. */
  readonly cutRate: number;
  /** For each run of the host: that it is killed in the middle. */
  readonly killRate: number;
  /** For each frame of the host: that the link goes down with it. */
  readonly unplugRate: number;
  /** From here on nothing fails any more; nor once the host has begun so many runs. */
  readonly faultsEndMs: number;
  readonly faultyRunsMax: number;
}

const STAGER_SHARE = 0.2;
const LIAR_SHARE = 0.08;
const FAULTY_RUNS_MAX = 4;
const FAULTS_MS_MIN = 2_000;
const FAULTS_MS_MAX = 30_000;

export function drawScenario(random: Random, meterKind: MeterKind): Scenario {
  const role = random.fraction();
  const stager = random.pick(STAGER_NAMES);
  const liar = random.pick(LIAR_NAMES);
  const isStager = role < STAGER_SHARE;
  const isLiar = !isStager && role < STAGER_SHARE + LIAR_SHARE;
  const rate = (most: number): number => (random.chance(0.6) ? 0 : random.fraction() * most);
  return {
    meterKind,
    shapeIndex: random.below(SHAPE_BYTES.length),
    framing: random.chance(0.3) ? 'stream' : 'message',
    latencyMs: random.fraction() * 80,
    rates: random.chance(0.15) ? QUIET : drawRates(random),
    activates: random.chance(0.7),
    selfTest: !random.chance(0.08),
    stager: isStager ? stager : undefined,
    liar: isLiar ? liar : undefined,
    cutRate: rate(0.25),
    killRate: rate(0.6),
    unplugRate: rate(0.05),
    faultsEndMs: FAULTS_MS_MIN + random.fraction() * (FAULTS_MS_MAX - FAULTS_MS_MIN),
    faultyRunsMax: 1 + random.below(FAULTY_RUNS_MAX),
  };
}
