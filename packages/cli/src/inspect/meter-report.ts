/** What a flash holds of the meter's own data, without a meter that runs. */
import { MeterStateStore, openMeter, type MeterLogs, type MeterView, type NorFlash } from '@smets1/emulator';
import { crc32 } from '@smets1/protocol';

export interface MeterReport {
  /** As it was when flash was written last. */
  readonly view: MeterView;
  /** Entries of each log. */
  readonly logs: Readonly<Record<keyof MeterLogs, number>>;
}

/**
 * Undefined for a meter that has not counted yet.
 *
 * @param flash - A copy: a meter that is opened writes.
 * @throws FlashError, MeterError
 */
export function meterReport(flash: NorFlash): MeterReport | undefined {
  const held = new MeterStateStore(flash.fork().partition('meter'), crc32).read();
  if (held === undefined) return undefined;
  // At the moment that flash knows last: for the meter no time has passed, so that it closes no day and notes no outage.
  const hostS = held.timeS - held.clockOffsetS;
  const meter = openMeter(flash, crc32, { load: () => ({ importWs: 0, exportWs: 0 }) }, hostS);
  const { dailyReads, dailyConsumption, bills, events, powerEvents } = meter.logs();
  return {
    view: meter.view(),
    logs: {
      dailyReads: dailyReads.length,
      dailyConsumption: dailyConsumption.length,
      bills: bills.length,
      events: events.length,
      powerEvents: powerEvents.length,
    },
  };
}
