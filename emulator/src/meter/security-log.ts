import { FlashError } from '../errors.js';
import type { Crc32, FlashPort } from '../flash/flash-port.js';
import type { LogRecord } from '../flash/record-log.js';
import { RecordLog } from '../flash/record-log.js';
import { SECURITY_LOG_ENTRIES, SECURITY_PAYLOAD_BYTES } from '../limits.js';

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

const AT = { number: 0, timestampS: 4, bootEpoch: 8, code: 12 } as const;
const SECURITY_LOG = { logId: 3, payloadBytes: SECURITY_PAYLOAD_BYTES } as const;

interface Numbered {
  readonly number: number;
  readonly entry: SecurityEntry;
}

/** The last {@link SECURITY_LOG_ENTRIES} entries; the oldest is overwritten, nothing clears it. Lives as long as the power. */
export class SecurityLog {
  readonly #log: RecordLog;

  /** @throws FlashError `bad-layout` when the partitions cannot hold the whole log; PowerLost */
  constructor(flash: FlashPort, crc32: Crc32) {
    this.#log = new RecordLog([flash.partition('log-a'), flash.partition('log-b')], SECURITY_LOG, crc32);
    if (this.#log.capacity < SECURITY_LOG_ENTRIES) {
      throw new FlashError(
        'bad-layout',
        `the log partitions must hold ${SECURITY_LOG_ENTRIES} entries with one sector erased`,
      );
    }
  }

  /** Oldest first. */
  get entries(): readonly SecurityEntry[] {
    return this.#numbered().map(({ entry }) => entry);
  }

  /** Entries ever written; grows by one with each. */
  get entryCount(): number {
    return this.#numbered().at(-1)?.number ?? 0;
  }

  /** @throws FlashError `worn`; PowerLost */
  append(entry: SecurityEntry): void {
    this.#log.append(encode({ number: this.entryCount + 1, entry }), (kept) => this.#toCarry(kept));
  }

  /** Appends, unless this code is there already for this boot. */
  appendOnce(entry: SecurityEntry): void {
    const isThere = this.entries.some(({ code, bootEpoch }) => code === entry.code && bootEpoch === entry.bootEpoch);
    if (!isThere) this.append(entry);
  }

  // What stays usually holds the whole log; after many torn records it may not.
  #toCarry(kept: readonly LogRecord[]): readonly Uint8Array[] {
    const numbers = new Set(kept.map(({ payload }) => decode(payload).number));
    return this.#numbered()
      .slice(1 - SECURITY_LOG_ENTRIES)
      .filter(({ number }) => !numbers.has(number))
      .map(encode);
  }

  #numbered(): readonly Numbered[] {
    const byNumber = new Map<number, Numbered>();
    for (const { payload } of this.#log.records) {
      const numbered = decode(payload);
      byNumber.set(numbered.number, numbered);
    }
    return [...byNumber.values()].toSorted((a, b) => a.number - b.number).slice(-SECURITY_LOG_ENTRIES);
  }
}

function encode({ number, entry }: Numbered): Uint8Array {
  const octets = new Uint8Array(SECURITY_PAYLOAD_BYTES);
  const view = new DataView(octets.buffer);
  view.setUint32(AT.number, number, true);
  view.setUint32(AT.timestampS, entry.timestampS, true);
  view.setUint32(AT.bootEpoch, entry.bootEpoch, true);
  view.setUint16(AT.code, entry.code, true);
  return octets;
}

function decode(octets: Uint8Array): Numbered {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  return {
    number: view.getUint32(AT.number, true),
    entry: {
      timestampS: view.getUint32(AT.timestampS, true),
      bootEpoch: view.getUint32(AT.bootEpoch, true),
      code: view.getUint16(AT.code, true),
    },
  };
}
