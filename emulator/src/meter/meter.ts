/** The meter, wired: the machine, its flash and what the home draws. */
import { FlashError, MeterError } from '../errors.js';
import type { Crc32, FlashPort } from '../flash/flash-port.js';
import { METROLOGY_VERSION_DEFAULT, OTHER_INFORMATION_BYTES_MAX } from '../limits.js';
import { readBills, writeBill } from './billing-log.js';
import { hostTimeOf, meterTimeOf } from './clock.js';
import { commandStep } from './commands.js';
import { readDailyConsumption, readDailyReads, writeConsumptionChunk, writeDailyRead } from './daily-log.js';
import { EVENT_CODES } from './event-codes.js';
import { EVENT_LOG } from './event-log.js';
import { meterStep, nextMinuteS, type MeterInput } from './meter-machine.js';
import { newMeterState, type MeterEffect, type MeterState, type MeterStep } from './meter-state.js';
import type { Meter, MeterOptions } from './meter-types.js';
import { viewOf } from './meter-view.js';
import { NumberedLog } from './numbered-log.js';
import { POWER_LOG } from './power-log.js';
import { readProfile, writeDay } from './profile-log.js';
import { ProfileStore } from './profile-store.js';
import { checkSettings, DEFAULT_SETTINGS } from './settings.js';
import { settingsFit } from './settings-codec.js';
import { StateStore } from './state-store.js';

/**
 * Opens a meter from its flash, or begins a new one. What it gives out afterwards is in flash, twice.
 *
 * @param nowS - The host's clock, in seconds since 1970; fractions are cut off.
 * @throws FlashError `bad-layout`, `worn`; MeterError `bad-settings`, `bad-value`; PowerLost
 */
export function openMeter(flash: FlashPort, crc32: Crc32, options: MeterOptions, nowS: number): Meter {
  const states = new StateStore(flash.partition('meter'), crc32);
  const profile = new ProfileStore(flash.partition('profile'), crc32);
  const events = new NumberedLog(flash, crc32, EVENT_LOG);
  const powerEvents = new NumberedLog(flash, crc32, POWER_LOG);
  const openedS = wholeSeconds(nowS);
  const held = states.read();
  let state = held ?? newMeterState(settingsFit(checkSettings(options.settings ?? DEFAULT_SETTINGS)), openedS);
  let durable: MeterState | undefined;
  let isSound = true;
  /** What the power coming back is to write. It waits: where power comes back for a few operations at a time, they are boot's. */
  let owed: readonly MeterEffect[] = [];

  /** What a step writes comes before the state that counts it: a cut between them leaves the state as it was, and the step is done again. */
  function run({ state: next, effects }: MeterStep): void {
    state = next;
    if (effects.length === 0) return;
    const wasSound = isSound;
    for (const effect of [...owed, ...effects]) {
      if (effect.kind === 'persist') continue;
      isSound = writeLog(effect) && isSound;
    }
    owed = [];
    states.write(next);
    durable = next;
    isSound &&= states.isSound;
    if (wasSound && !isSound)
      run(meterStep(state, { kind: 'event', code: EVENT_CODES.storageDegraded, otherInformation: '' }));
  }

  function step(input: MeterInput): void {
    run(meterStep(state, input));
  }

  /** False when the log's sectors are worn: metering goes on without the entry. */
  function writeLog(effect: Exclude<MeterEffect, { readonly kind: 'persist' }>): boolean {
    try {
      switch (effect.kind) {
        case 'write-day':
          writeDay(profile, effect.number, effect.openDay);
          break;
        case 'write-read':
          writeDailyRead(profile, effect.number, effect.read);
          break;
        case 'write-consumption':
          writeConsumptionChunk(profile, effect.number, effect.days);
          break;
        case 'write-bill':
          writeBill(profile, effect.number, effect.read, effect.cause);
          break;
        case 'write-event':
          events.put(effect.number, effect.event);
          break;
        case 'write-power-event':
          powerEvents.put(effect.number, effect.event);
          break;
      }
      return true;
    } catch (error) {
      if (error instanceof FlashError && error.code === 'worn') return false;
      throw error;
    }
  }

  function advance(toS: number): void {
    const untilS = meterTimeOf(state, wholeSeconds(toS));
    while (state.timeS < untilS) {
      const nextS = Math.min(untilS, nextMinuteS(state.timeS));
      const flow = options.load(hostTimeOf(state, state.timeS), hostTimeOf(state, nextS));
      step({ kind: 'flow', untilS: nextS, flow });
    }
  }

  /** Before anything is given out: what was read at power on may be what a cut left half-way, until it is written again. */
  function settle(): void {
    if (owed.length > 0) run({ state, effects: [{ kind: 'persist' }] });
  }

  const view: Meter['view'] = () => {
    settle();
    return viewOf(state, options.metrologyVersion ?? METROLOGY_VERSION_DEFAULT, isSound ? 'sound' : 'degraded');
  };

  const start = meterStep(state, held === undefined ? { kind: 'flush' } : { kind: 'power-on', hostS: openedS });
  state = start.state;
  owed = start.effects;

  return {
    advance,
    view,
    clockUtcS: () => state.timeS,
    nextDueS: () => hostTimeOf(state, nextMinuteS(state.timeS)),
    flush() {
      if (state !== durable) step({ kind: 'flush' });
    },
    command(command, atS) {
      advance(atS);
      const done = commandStep(state, command);
      run(done);
      return done.refusal === undefined ? { ok: true, view: view() } : { ok: false, ...done.refusal };
    },
    logs() {
      settle();
      const { counts } = state;
      const shown = events.entries(counts.events).filter(({ number }) => number > counts.eventsCleared);
      return {
        dailyReads: readDailyReads(profile, state),
        dailyConsumption: readDailyConsumption(profile, state),
        bills: readBills(profile, state),
        events: shown.map(({ entry }) => entry),
        powerEvents: powerEvents.entries(counts.powerEvents).map(({ entry }) => entry),
      };
    },
    profile(channel, fromS = 0, untilS = Infinity) {
      settle();
      return readProfile(profile, state, channel, fromS, untilS);
    },
    logEvent(code, otherInformation = new Uint8Array(0)) {
      if (
        otherInformation.length > OTHER_INFORMATION_BYTES_MAX ||
        !Number.isInteger(code) ||
        code < 0 ||
        code > 0xffff
      ) {
        throw new MeterError(
          'bad-value',
          `an event has a code of 16 bits and up to ${OTHER_INFORMATION_BYTES_MAX} octets`,
        );
      }
      const hex = Array.from(otherInformation, (octet) => octet.toString(16).padStart(2, '0')).join('');
      step({ kind: 'event', code, otherInformation: hex });
    },
  };
}

function wholeSeconds(timeS: number): number {
  const seconds = Math.floor(timeS);
  if (Number.isSafeInteger(seconds) && seconds >= 0 && seconds <= 0xffff_ffff) return seconds;
  throw new MeterError('bad-value', `${timeS} is no time; it is seconds since 1970, from 0 to 4,294,967,295`);
}
