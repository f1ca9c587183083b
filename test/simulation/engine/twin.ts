/**
 * One meter over some hours or days, with an update or without one, and with power cuts. The same history is lived twice: a cut inside an
 * operation of metering is the same operation in the twin; a cut inside an operation of the update is, in the twin, power lost at that moment.
 */
import {
  householdLoad,
  PowerLost,
  startEsme,
  type Esme,
  type FaultPlan,
  type MeterCommand,
  type MeterSettings,
  type NorFlash,
} from '@smets1/emulator';
import { createWorld, runMeterInWorld, runSenderInWorld, worldLink } from '@smets1/host';
import { toHex, type SenderPlan } from '@smets1/protocol';
import { CRYPTO, DEVICE_KEY, SIGNER } from './parties.js';
import { placeOf } from './places.js';

const METER_PLACES: ReadonlySet<string> = new Set(['meter', 'profile', 'event-log', 'power-log']);

/** A power cut to come, counted from the start before it. */
export interface PlannedCut {
  readonly of: 'metering' | 'update';
  /** The operation of its kind, from 1. */
  readonly operation: number;
  readonly plan: Omit<FaultPlan, 'cutAt'>;
  readonly offMs: number;
}

/** A power cut that struck. */
export type Cut =
  | { readonly kind: 'metering'; readonly planned: PlannedCut }
  | { readonly kind: 'time'; readonly atMs: number; readonly offMs: number };

export interface History {
  readonly epochS: number;
  readonly untilMs: number;
  readonly loadSeed: number;
  readonly solarPeakW: number;
  readonly settings: MeterSettings;
  /** Given to the meter at their times, if it has power then. */
  readonly commands: readonly { readonly atMs: number; readonly command: MeterCommand }[];
}

export interface Update {
  readonly plan: SenderPlan;
  readonly fromMs: number;
  readonly selfTest: (fileVersion: number) => boolean;
}

export interface Lived {
  readonly cuts: readonly Cut[];
  /** What metering comes to: everything that the twin must equal. */
  readonly metered: unknown;
  /** The octets of the metering partitions. */
  readonly octets: string;
  readonly result: string | undefined;
  readonly starts: number;
  readonly meteringOperations: number;
  readonly updateOperations: number;
  /** Each with its invariant. */
  readonly violations: readonly string[];
}

/** Codes of an update, in either log: what the twin cannot have. */
const UPDATE_CODES: ReadonlySet<number> = new Set([0x8f1b, 0x8f1c, 0x8f3e, 0x8f43, 0x8f66, 0x8f67, 0x8f72, 0x81a5]);

/** @param next - The cut after those that struck so far; for the twin the next of the ones to repeat. */
export function liveHistory(
  start: NorFlash,
  history: History,
  update: Update | undefined,
  next: (struckSoFar: number) => PlannedCut | Cut | undefined,
): Lived {
  const flash = start.fork();
  const cuts: Cut[] = [];
  const violations: string[] = [];
  const totals = { metering: 0, update: 0 };
  let result: string | undefined;
  let starts = 0;
  let atMs = 0;
  let lastRead = { importWh: -1, exportWh: -1 };
  let esme: Esme | undefined;
  let due: PlannedCut | Cut | undefined;
  let counts = { metering: 0, update: 0 };
  let nowMs = (): number => atMs;
  flash.watch((operation) => {
    const of = METER_PLACES.has(placeOf({ flash, operation })) ? 'metering' : 'update';
    counts[of] += 1;
    totals[of] += 1;
    const planned =
      due === undefined ? undefined : 'of' in due ? due : due.kind === 'metering' ? due.planned : undefined;
    if (planned?.of === of && planned.operation === counts[of]) flash.arm({ ...planned.plan, cutAt: 1 });
  });

  while (atMs < history.untilMs) {
    due = next(cuts.length);
    counts = { metering: 0, update: 0 };
    const lifeFromMs = atMs;
    const world = createWorld({ seed: 1 });
    nowMs = () => lifeFromMs + world.now();
    const cutAtMs = due !== undefined && 'kind' in due && due.kind === 'time' ? due.atMs : Infinity;
    try {
      starts += 1;
      const started = startEsme({ flash, crypto: CRYPTO, signer: SIGNER }, optionsOf(history, update), lifeFromMs);
      esme = started;
      const { a, b } = worldLink(world, { latencyMs: 5 });
      runMeterInWorld(
        world,
        {
          hear: (frame) => started.hear(frame, nowMs()),
          tick: () => started.tick(nowMs()),
          wakeAtMs: () => Math.max(world.now(), started.wakeAtMs() - lifeFromMs),
        },
        b,
      );
      for (const { atMs: givenAtMs, command } of history.commands) {
        if (givenAtMs < lifeFromMs || givenAtMs > Math.min(history.untilMs, cutAtMs)) continue;
        world.at(givenAtMs - lifeFromMs, () => {
          const given = started.meter.command(command, nowMs());
          if (!given.ok) return;
          const { activeImportRegisterWh: importWh, activeExportRegisterWh: exportWh } = given.view;
          if (importWh < lastRead.importWh || exportWh < lastRead.exportWh) {
            violations.push(
              `I10 a register went back: ${lastRead.importWh}/${lastRead.exportWh} to ${importWh}/${exportWh}`,
            );
          }
          lastRead = { importWh, exportWh };
        });
      }
      if (update !== undefined && (result === undefined || result === 'no-answer')) {
        world.at(Math.max(0, update.fromMs - lifeFromMs), () => {
          const sender = runSenderInWorld(world, { plan: update.plan, end: a, crypto: CRYPTO, deviceKey: DEVICE_KEY });
          const see = (): void => {
            const ended = sender.result();
            if (ended !== undefined) result = ended.kind === 'done' ? 'done' : ended.reason;
            else world.at(world.now() + 1_000, see);
          };
          see();
        });
      }
      world.run({ untilMs: Math.min(history.untilMs, cutAtMs) - lifeFromMs });
      if (cutAtMs >= history.untilMs) break;
      if (due === undefined || !('kind' in due) || due.kind !== 'time') break;
      cuts.push(due);
      atMs = due.atMs + due.offMs;
      esme = undefined;
    } catch (error) {
      if (!(error instanceof PowerLost) && !(error instanceof Error && error.cause instanceof PowerLost)) throw error;
      if (due === undefined) throw error;
      flash.powerOn();
      const planned = 'of' in due ? due : due.kind === 'metering' ? due.planned : undefined;
      if (planned === undefined) throw error;
      const struckAtMs = nowMs();
      cuts.push(
        planned.of === 'metering'
          ? { kind: 'metering', planned }
          : { kind: 'time', atMs: struckAtMs, offMs: planned.offMs },
      );
      atMs = struckAtMs + planned.offMs;
      esme = undefined;
    }
  }
  // Looking writes as well (what the power coming back owes), and no cut is meant for that.
  flash.watch(undefined);
  // The last cut may outlast the history: then the meter is looked at once its power is back.
  const lookAtMs = Math.max(atMs, history.untilMs);
  esme ??= startEsme({ flash, crypto: CRYPTO, signer: SIGNER }, optionsOf(history, update), lookAtMs);
  return {
    cuts,
    metered: meteredOf(esme, lookAtMs),
    octets: octetsOf(flash),
    result,
    starts,
    meteringOperations: totals.metering,
    updateOperations: totals.update,
    violations,
  };
}

function optionsOf(history: History, update: Update | undefined): Parameters<typeof startEsme>[1] {
  const { epochS, loadSeed, solarPeakW, settings } = history;
  const load = householdLoad(loadSeed, { solarPeakW, reactivePermille: 120 });
  return { epochS, load, settings, ...(update !== undefined && { selfTest: update.selfTest }) };
}

function meteredOf(esme: Esme, nowMs: number): unknown {
  const logs = esme.meter.logs(nowMs);
  return {
    registers: esme.meter.view(nowMs),
    logs: { ...logs, events: logs.events.filter(({ code }) => !UPDATE_CODES.has(code)) },
    profile: (['active-import', 'active-export', 'reactive-import'] as const).map((channel) =>
      esme.meter.profile(channel, nowMs),
    ),
    // Without their starts: an update starts the meter more often.
    security: esme
      .view(nowMs)
      .securityLog.filter(({ code }) => !UPDATE_CODES.has(code))
      .map(({ code, timestampS }) => ({ code, timestampS })),
  };
}

function octetsOf(flash: NorFlash): string {
  return flash.layout.partitions
    .filter(({ name }) => METER_PLACES.has(name))
    .map(({ offsetBytes, lengthBytes }) => toHex(CRYPTO.sha256([flash.read(offsetBytes, lengthBytes)])))
    .join();
}
