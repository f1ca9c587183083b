import type { LoadSource } from './load-source.js';
import type { LoadLimit, MeterSettings, PaymentMode, PrepaymentTerms } from './settings.js';
import type { Tariff } from './tariff.js';

/** The states of the load switch, with the numbers that the data model gives them. */
export const SUPPLY_STATES = { disabled: 0, enabled: 1, armed: 2 } as const;
export type SupplyState = keyof typeof SUPPLY_STATES;
/** Why the load switch stands as it does. */
export const SUPPLY_CAUSES = {
  factory: 0,
  command: 1,
  consumer: 2,
  'no-credit': 3,
  'load-limit': 4,
  'mode-change': 5,
} as const;
export type SupplyCause = keyof typeof SUPPLY_CAUSES;

export interface MeterOptions {
  /** What the home draws and gives; called for time that has passed, with the host's clock. */
  readonly load: LoadSource;
  /** Of a new meter. Once there is a state in flash, its settings count. */
  readonly settings?: MeterSettings;
  /** Version of the metrology firmware; no update changes it. */
  readonly metrologyVersion?: number;
}

export type MeterCommand =
  | { readonly kind: 'set-clock'; readonly utcS: number; readonly toleranceS?: number }
  | { readonly kind: 'enable-supply' | 'disable-supply' | 'arm-supply' }
  /** The consumer at the meter: an armed supply is enabled. */
  | { readonly kind: 'press-button' }
  | { readonly kind: 'set-load-limit'; readonly loadLimit: LoadLimit }
  | { readonly kind: 'set-payment-mode'; readonly paymentMode: PaymentMode }
  | { readonly kind: 'set-prepayment'; readonly prepayment: PrepaymentTerms }
  | { readonly kind: 'set-tariff'; readonly tariff: Tariff }
  | { readonly kind: 'set-billing-day'; readonly dayOfMonth: number }
  | { readonly kind: 'top-up'; readonly millipence: number }
  | { readonly kind: 'adjust-balance'; readonly millipence: number }
  | { readonly kind: 'reset-balance' }
  | { readonly kind: 'activate-emergency-credit' }
  | { readonly kind: 'set-debt'; readonly debt: DebtName; readonly millipence: number }
  /** A bill now; the block counters start anew. */
  | { readonly kind: 'bill' }
  | { readonly kind: 'clear-event-log' }
  | { readonly kind: 'set-tamper'; readonly tampered: boolean }
  /** A reading that is given out: in flash before the answer. */
  | { readonly kind: 'read' };

export type DebtName = 'time-1' | 'time-2' | 'payment';

export const METER_REFUSALS = [
  'bad-settings',
  'bad-value',
  'clock-out-of-tolerance',
  'no-credit',
  'not-armed',
  'not-available',
  'not-prepayment',
] as const;
export type MeterRefusal = (typeof METER_REFUSALS)[number];

/** What the command did is in flash when this is given back; a refused one changed nothing but, maybe, the Event Log. */
export type MeterCommandResult =
  | { readonly ok: true; readonly view: MeterView }
  | { readonly ok: false; readonly code: MeterRefusal; readonly message: string };

/** The data model at a moment; JSON-able, in the units of the names. */
export interface MeterView {
  /** The meter's clock; everything is counted up to here. */
  readonly clockUtcS: number;
  readonly activeImportRegisterWh: number;
  readonly activeExportRegisterWh: number;
  readonly reactiveImportRegisterVarh: number;
  readonly reactiveExportRegisterVarh: number;
  /** Energy below one Wh, 0 to 3,599. */
  readonly importRemainderWattSeconds: number;
  /** Mean of the last minute or what there was of it. */
  readonly activePowerImportW: number;
  readonly tariffMode: Tariff['mode'];
  /** Register that counts now, and its block in block mode. */
  readonly activeTariffRegister: number;
  readonly activeTariffBlock: number;
  /** 48. */
  readonly tariffTouRegisterMatrixWh: readonly number[];
  /** 4 rows of 8. */
  readonly tariffBlockTouRegisterMatrixWh: readonly (readonly number[])[];
  /** 4: what each block counted since the last bill. */
  readonly tariffBlockCounterMatrixWh: readonly number[];
  readonly paymentMode: PaymentMode;
  readonly meterBalanceMillipence: number;
  readonly emergencyCreditActivated: boolean;
  /** What is left of the emergency credit; 0 when not activated. */
  readonly emergencyCreditBalanceMillipence: number;
  readonly timeDebtMillipence: readonly [number, number];
  readonly paymentDebtMillipence: number;
  /** Charges that have not yet made a whole millipence, in thousandths. */
  readonly chargeRemainderMicropence: number;
  readonly supplyState: SupplyState;
  readonly supplyCause: SupplyCause;
  readonly loadLimitCounter: number;
  readonly supplyTamperState: boolean;
  readonly metrologyVersion: number;
  readonly settings: MeterSettings;
  /** Energy that a power cut now would lose. */
  readonly unpersistedWh: number;
  /** `degraded`: one of the two copies of the state no longer takes records. */
  readonly storage: 'sound' | 'degraded';
}

/** One half hour; its end is `startS` + 1,800. */
export interface ProfileEntry {
  readonly startS: number;
  readonly value: number;
  /** The meter had no power for some of it. */
  readonly outage: boolean;
}

export type ProfileChannel = 'active-import' | 'active-export' | 'reactive-import';

/** All registers at a moment. */
export interface MeterRead {
  readonly atS: number;
  readonly activeImportRegisterWh: number;
  readonly activeExportRegisterWh: number;
  readonly tariffTouRegisterMatrixWh: readonly number[];
  readonly tariffBlockTouRegisterMatrixWh: readonly (readonly number[])[];
  readonly tariffBlockCounterMatrixWh: readonly number[];
  readonly meterBalanceMillipence: number;
  readonly emergencyCreditBalanceMillipence: number;
}

export interface MeterEvent {
  readonly timestampS: number;
  readonly code: number;
  /** Up to 8 octets, in hex. */
  readonly otherInformation: string;
}

/** An outage: nothing was counted from the one time to the other. */
export interface PowerEvent {
  /** The last moment before it that flash knows of. */
  readonly fromS: number;
  readonly untilS: number;
}

/** The logs, oldest entry first. */
export interface MeterLogs {
  readonly dailyReads: readonly MeterRead[];
  readonly dailyConsumption: readonly { readonly dayStartS: number; readonly importWh: number }[];
  readonly bills: readonly (MeterRead & { readonly cause: BillCause })[];
  readonly events: readonly MeterEvent[];
  readonly powerEvents: readonly PowerEvent[];
}

export const BILL_CAUSES = { calendar: 1, command: 2, 'tariff-change': 3, 'mode-change': 4 } as const;
export type BillCause = keyof typeof BILL_CAUSES;

/** Lives as long as the power: after a PowerLost, open it again from its flash. Times are the host's, in seconds since 1970. */
export interface Meter {
  /**
   * Counts the energy up to a moment; closes what ends in between and persists what must be. Earlier times are ignored.
   * @throws MeterError `bad-value` for a time that is none, or a load source that gives no whole watt-seconds; FlashError `worn`; PowerLost
   */
  advance(toS: number): void;
  /** When `advance` is owed at the latest: each full minute of the meter's clock. */
  nextDueS(): number;
  /** Everything counted so far is in flash afterwards. @throws FlashError `worn`; PowerLost */
  flush(): void;
  /** Does a command at a moment. It is durable when this returns. @throws as `advance` */
  command(command: MeterCommand, atS: number): MeterCommandResult;
  /** For the inspector: counted, but maybe not yet in flash. A reading that is given out is asked for with the command `read`. */
  view(): MeterView;
  /** The meter's clock, for who only wants to put a time on something: nothing is written for it. */
  clockUtcS(): number;
  /** Decoded from flash at each call. @throws PowerLost */
  logs(): MeterLogs;
  /** Half hours of a channel that begin in [fromS, untilS), oldest first; days without any power are left out. @throws PowerLost */
  profile(channel: ProfileChannel, fromS?: number, untilS?: number): readonly ProfileEntry[];
  /** Adds to the Event Log. @throws MeterError `bad-value` for more than 8 octets; PowerLost */
  logEvent(code: number, otherInformation?: Uint8Array): void;
}
