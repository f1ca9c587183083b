import { MeterError } from '../errors.js';
import type { Crc32, FlashPort } from '../flash/flash-port.js';
import { RecordLog } from '../flash/record-log.js';
import { REGISTER_PAYLOAD_BYTES, REGISTER_PERSIST_WH } from '../limits.js';

/** Active energy import. Only grows. */
export interface MeterState {
  readonly importWh: number;
  /** Energy below one Wh, 0 to 3,599. */
  readonly remainderWattSeconds: number;
  /** What flash holds. */
  readonly persistedWh: number;
  readonly persistedRemainderWattSeconds: number;
}

export type MeterInput =
  | { readonly kind: 'energy'; readonly wattSeconds: number }
  /** Nothing counted so far may be lost: power is failing, or a reading is about to be given out. */
  | { readonly kind: 'flush' }
  /** The host: this is safe in flash. */
  | { readonly kind: 'persisted'; readonly importWh: number; readonly remainderWattSeconds: number };

export interface MeterEffect {
  readonly kind: 'persist';
  readonly importWh: number;
  readonly remainderWattSeconds: number;
}

export interface MeterStep {
  readonly state: MeterState;
  readonly effects: readonly MeterEffect[];
}

const WATT_SECONDS_PER_WH = 3600;
const REGISTER_LOG = { logId: 2, payloadBytes: REGISTER_PAYLOAD_BYTES } as const;

/** @throws MeterError `bad-value` for energy that is not a whole number of watt-seconds, 0 or more, or past what the register holds */
export function meterStep(state: MeterState, input: MeterInput): MeterStep {
  switch (input.kind) {
    case 'energy': {
      const totalWattSeconds = state.remainderWattSeconds + input.wattSeconds;
      const importWh = state.importWh + Math.floor(totalWattSeconds / WATT_SECONDS_PER_WH);
      if (!(input.wattSeconds >= 0) || !Number.isSafeInteger(totalWattSeconds) || !Number.isSafeInteger(importWh)) {
        throw new MeterError('bad-value', `${input.wattSeconds} Ws cannot be added to the import register`);
      }
      const next = { ...state, importWh, remainderWattSeconds: totalWattSeconds % WATT_SECONDS_PER_WH };
      return { state: next, effects: importWh - state.persistedWh >= REGISTER_PERSIST_WH ? [persist(next)] : [] };
    }
    case 'flush': {
      const isSafe =
        state.importWh === state.persistedWh && state.remainderWattSeconds === state.persistedRemainderWattSeconds;
      return { state, effects: isSafe ? [] : [persist(state)] };
    }
    case 'persisted':
      return {
        state: {
          ...state,
          persistedWh: input.importWh,
          persistedRemainderWattSeconds: input.remainderWattSeconds,
        },
        effects: [],
      };
  }
}

/** The register's records in flash. Lives as long as the power. */
export class RegisterStore {
  readonly #log: RecordLog;

  constructor(flash: FlashPort, crc32: Crc32) {
    this.#log = new RecordLog([flash.partition('meter-a'), flash.partition('meter-b')], REGISTER_LOG, crc32);
  }

  /** What flash holds: the state after power on; 0 on a new meter. */
  read(): MeterState {
    // The greatest value, not the last one: whatever happened to the records, a register does not go back.
    let importWh = 0;
    let remainderWattSeconds = 0;
    for (const { payload } of this.#log.records) {
      const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
      const wh = Number(view.getBigUint64(0, true));
      const remainder = view.getUint32(8, true);
      if (wh < importWh || (wh === importWh && remainder < remainderWattSeconds)) continue;
      importWh = wh;
      remainderWattSeconds = remainder;
    }
    return {
      importWh,
      remainderWattSeconds,
      persistedWh: importWh,
      persistedRemainderWattSeconds: remainderWattSeconds,
    };
  }

  /** Does the effect; the machine is owed the input that this returns. @throws FlashError `worn`; PowerLost */
  persist(effect: MeterEffect): MeterInput {
    const octets = new Uint8Array(REGISTER_PAYLOAD_BYTES);
    const view = new DataView(octets.buffer);
    view.setBigUint64(0, BigInt(effect.importWh), true);
    view.setUint32(8, effect.remainderWattSeconds, true);
    this.#log.append(octets);
    return { kind: 'persisted', importWh: effect.importWh, remainderWattSeconds: effect.remainderWattSeconds };
  }
}

function persist({ importWh, remainderWattSeconds }: MeterState): MeterEffect {
  return { kind: 'persist', importWh, remainderWattSeconds };
}
