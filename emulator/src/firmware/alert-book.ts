/** Alerts: written into the Security Log where they belong there, and kept for whoever is heard next. */
import { ALERT_CODES, encodeMeterMessage, type MeterMessage } from '@smets1/protocol';
import { FlashError } from '../errors.js';
import type { Crc32, FlashPort } from '../flash/flash-port.js';
import { ALERTS_WAITING_MAX } from '../limits.js';
import { SecurityLog } from '../meter/security-log.js';

export class AlertBook {
  readonly #flash: FlashPort;
  readonly #crc32: Crc32;
  readonly #bootEpoch: number;
  #waiting: readonly Uint8Array[] = [];

  constructor(flash: FlashPort, crc32: Crc32, bootEpoch: number) {
    this.#flash = flash;
    this.#crc32 = crc32;
    this.#bootEpoch = bootEpoch;
  }

  /** A log that takes no more entries keeps no alert back. @throws PowerLost */
  raise(alertCode: number, payload: Uint8Array, timestampS: number): void {
    if (LOGGED.has(alertCode)) this.#log(alertCode, timestampS);
    const message: MeterMessage = { kind: 'alert', alertCode, timestampS, payload };
    const frame = encodeMeterMessage({ sessionTag: 0, sequence: 0, message });
    this.#waiting = [...this.#waiting, frame].slice(-ALERTS_WAITING_MAX);
  }

  /** The frames that wait, oldest first; none afterwards. */
  take(): readonly Uint8Array[] {
    const frames = this.#waiting;
    this.#waiting = [];
    return frames;
  }

  #log(code: number, timestampS: number): void {
    try {
      new SecurityLog(this.#flash, this.#crc32).append({ timestampS, code, bootEpoch: this.#bootEpoch });
    } catch (error) {
      if (!(error instanceof FlashError)) throw error;
    }
  }
}

/** 0x8F67 is an alert only; 0x8F1B was logged by boot. */
const LOGGED: ReadonlySet<number> = new Set([ALERT_CODES.verificationSuccessful, ALERT_CODES.verificationFailed]);
