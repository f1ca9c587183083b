/** What a bench looks like from outside: plain data, and the same for people. */
import type { EsmeView, MeterCommand, MeterCommandResult, MeterLogs, MeterView } from '@smets1/emulator';
import { reportOf, type FlashReport } from '../inspect/flash-report.js';
import { flashText, registersText } from '../inspect/flash-picture.js';
import { nowS } from '../meter/bench-clock.js';
import { faultText, type PendingFault } from '../meter/bench-faults.js';
import type { PowerState } from '../meter/bench-power.js';
import type { Bench, Station } from '../meter/bench.js';
import { counted, rows, versionText } from '../output/style.js';

export interface ClockView {
  readonly kind: 'wall' | 'virtual';
  /** Machine time. */
  readonly nowMs: number;
  /** Seconds since 1970; of the bench, a meter's own clock may differ. */
  readonly nowS: number;
  readonly utc: string;
}

export interface StateView {
  readonly meter: string;
  readonly meters: readonly string[];
  readonly seed: number;
  readonly ws: string | undefined;
  readonly serial: string | undefined;
  readonly clock: ClockView;
  readonly power: PowerState;
  /** Flash operations so far: the next one is one more. */
  readonly operations: number;
  /** What the flash's timings make of them. */
  readonly flashBusyUs: number;
  readonly faults: readonly PendingFault[];
  /** What really struck, by kind. */
  readonly struck: Readonly<Record<string, number>>;
  /** What the firmware says of itself; none without power. */
  readonly firmware: EsmeView | undefined;
  readonly flash: FlashReport;
}

export function clockView({ clock }: Bench): ClockView {
  const seconds = nowS(clock);
  const utc = new Date(Math.floor(seconds) * 1000).toISOString().replace('.000Z', 'Z');
  return { kind: clock.kind, nowMs: clock.time.nowMs(), nowS: seconds, utc };
}

export function stateOf(bench: Bench, { name, meter, doors }: Station): StateView {
  const { power, faults, flash } = meter;
  // Before the power is looked at: looking at the meter may take it.
  const firmware = meter.viewIfUp();
  return {
    meter: name,
    meters: bench.stations.map((station) => station.name),
    seed: bench.seed,
    ws: doors.wsUrl,
    serial: doors.serialUrl,
    clock: clockView(bench),
    power: power.state,
    operations: flash.operationCount,
    flashBusyUs: flash.elapsedUs,
    faults: faults.pending,
    struck: Object.fromEntries(Object.entries(flash.struck).filter(([, count]) => count > 0)),
    firmware,
    flash: reportOf(flash),
  };
}

export function stateText(state: StateView): string {
  const { clock, power, firmware, struck } = state;
  const strikes = Object.entries(struck).map(([kind, count]) => `${kind} ${count}`);
  return [
    rows([
      ['meter', `${state.meter}${state.meters.length > 1 ? ` of ${state.meters.join(', ')}` : ''}, seed ${state.seed}`],
      ['clock', `${clock.utc} (${clock.kind}), ${counted(clock.nowMs)} ms`],
      ['power', powerText(power)],
      ['operations', counted(state.operations)],
      ['waits', state.faults.length === 0 ? undefined : state.faults.map(({ fault }) => faultText(fault)).join('; ')],
      ['struck', strikes.length === 0 ? undefined : strikes.join(', ')],
      [
        'firmware',
        firmware &&
          `${versionText(firmware.runningVersion)} (${firmware.mode}), boot ${firmware.bootEpoch}, slot ${firmware.activeSlot ?? 'none'}`,
      ],
    ]),
    flashText(state.flash),
  ].join('\n');
}

function powerText(power: PowerState): string {
  switch (power.kind) {
    case 'on':
      return 'on';
    case 'halted':
      return `on, but the firmware stopped: ${power.detail}`;
    case 'off': {
      const where = power.operation === undefined ? '' : ` at flash operation ${counted(power.operation)}`;
      const back = power.backAtMs === undefined ? '' : `, back at ${counted(power.backAtMs)} ms`;
      return `off (${power.how}${where})${back}`;
    }
  }
}

export interface MeterAnswer {
  readonly view: MeterView;
  readonly logs: MeterLogs;
}

/** @throws CliError `no-power` */
export function meterView({ meter }: Station): MeterAnswer {
  const nowMs = meter.clock.time.nowMs();
  return meter.run(({ esme }) => ({ view: esme.meter.view(nowMs), logs: esme.meter.logs(nowMs) }));
}

export function meterText({ view, logs }: MeterAnswer): string {
  return rows([
    ['clock', new Date(view.clockUtcS * 1000).toISOString().replace('.000Z', 'Z')],
    ['registers', registersText(view)],
    ['power', `${counted(view.activePowerImportW)} W`],
    ['tariff', `${view.tariffMode}, register ${view.activeTariffRegister}, block ${view.activeTariffBlock}`],
    ['payment', `${view.paymentMode}, balance ${counted(view.meterBalanceMillipence)} millipence`],
    ['supply', `${view.supplyState} (${view.supplyCause})`],
    [
      'logs',
      Object.entries(logs)
        .map(([name, entries]: [string, readonly unknown[]]) => `${name} ${entries.length}`)
        .join(', '),
    ],
  ]);
}

/** @throws CliError `no-power`; MeterError; FlashError; PowerLost */
export function commandMeter({ meter }: Station, command: MeterCommand): MeterCommandResult {
  return meter.run(({ esme }) => esme.meter.command(command, meter.clock.time.nowMs()));
}
