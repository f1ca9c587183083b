import type { Crc32, FlashPort } from '../flash/flash-port.js';
import { SECURITY_LOG_ENTRIES, SECURITY_PAYLOAD_BYTES } from '../limits.js';
import { NumberedLog, type NumberedFormat } from './numbered-log.js';

/** Codes in the meter's security log; GBCS's, as a neutral vocabulary. */
export const SECURITY_CODES = {
  verificationFailedAtPowerOn: 0x8f1b,
  verificationFailed: 0x8f1c,
  unauthorisedAccess: 0x8f3e,
  executingVersionChanged: 0x8f43,
  verificationSuccessful: 0x8f72,
} as const;

export interface SecurityEntry {
  /** Seconds since 1970, UTC, u32. */
  readonly timestampS: number;
  readonly code: number;
  readonly bootEpoch: number;
}

const AT = { timestampS: 4, bootEpoch: 8, code: 12 } as const;

const SECURITY_LOG: NumberedFormat<SecurityEntry> = {
  partition: 'security-log',
  logId: 3,
  payloadBytes: SECURITY_PAYLOAD_BYTES,
  entriesMax: SECURITY_LOG_ENTRIES,
  write(entry, view) {
    view.setUint32(AT.timestampS, entry.timestampS, true);
    view.setUint32(AT.bootEpoch, entry.bootEpoch, true);
    view.setUint16(AT.code, entry.code, true);
  },
  read: (view) => ({
    timestampS: view.getUint32(AT.timestampS, true),
    code: view.getUint16(AT.code, true),
    bootEpoch: view.getUint32(AT.bootEpoch, true),
  }),
};

/** The last {@link SECURITY_LOG_ENTRIES} entries; the oldest is overwritten, nothing clears it. Lives as long as the power. */
export class SecurityLog {
  readonly #log: NumberedLog<SecurityEntry>;

  /** @throws FlashError `bad-layout` when the partition cannot hold the whole log; PowerLost */
  constructor(flash: FlashPort, crc32: Crc32) {
    this.#log = new NumberedLog(flash, crc32, SECURITY_LOG);
    this.#log.open();
  }

  /** Oldest first. */
  get entries(): readonly SecurityEntry[] {
    return this.#log.entries().map(({ entry }) => entry);
  }

  /** Entries ever written; grows by one with each. */
  get entryCount(): number {
    return this.#log.entries().at(-1)?.number ?? 0;
  }

  /** @throws FlashError `worn`; PowerLost */
  append(entry: SecurityEntry): void {
    this.#log.put(this.entryCount + 1, entry);
  }

  /** Appends, unless this code is there already for this boot. */
  appendOnce(entry: SecurityEntry): void {
    const isThere = this.entries.some(({ code, bootEpoch }) => code === entry.code && bootEpoch === entry.bootEpoch);
    if (!isThere) this.append(entry);
  }
}
