/** What is said between the side that instructs and the side that countersigns. Neither imports the other; both know this page. */
import type { ControlRefusalCode } from './store/records.js';

export interface CountersignatureRequest {
  readonly requestId: string;
  readonly deviceId: string;
  /** Hex. */
  readonly firmwareHash: string;
  /** 168 octets. */
  readonly authorisation: Uint8Array;
}

export type CountersignatureAnswer =
  /** 232 octets. */
  | { readonly ok: true; readonly authorisation: Uint8Array }
  | { readonly ok: false; readonly code: ControlRefusalCode; readonly message: string };

/** What the Supplier called off; its signature is what makes the control believe it. */
export interface RevocationRequest {
  /** 168 octets. */
  readonly authorisation: Uint8Array;
}

export type RevocationAnswer =
  { readonly ok: true } | { readonly ok: false; readonly code: ControlRefusalCode; readonly message: string };

export interface ControlPort {
  /** Never rejects: a control that does not answer is `unavailable`, which is asked again later. */
  countersign(request: CountersignatureRequest): Promise<CountersignatureAnswer>;
  /** This authorisation, and any with a counter not above its own, is refused from now on. Never rejects, likewise. */
  revoke(request: RevocationRequest): Promise<RevocationAnswer>;
  close(): Promise<void>;
}

/** Modelled policy of the control: what a Dual Control Organisation checks is not public. */
export interface ControlPolicy {
  /**
   * Who may ask, by EUI-64. Absent: everybody whose signature a trusted supplier key made is taken for an Import Supplier. Only `IS` may
   * have an ESME activated.
   */
  readonly users?: readonly {
    readonly originator: string;
    readonly role: 'IS' | 'GS' | 'ES' | 'RSA' | 'ED' | 'GT' | 'OU';
  }[];
  /** Countersignatures in any hour and in any day, all users together. */
  readonly perHourMax: number;
  readonly perDayMax: number;
  /** Refuse for a meter whose running version was never heard; otherwise that meter is left to judge itself. */
  readonly requireKnownVersion: boolean;
}

/** What the countersigner is told when it starts; paths only, it reads the key itself. */
export interface ControlConfiguration {
  readonly storeDirectory: string;
  readonly controlDirectory: string;
  readonly keyPath: string;
  readonly allowDemo: boolean;
  /** base64 of 65 octets each. */
  readonly manufacturerKeys: readonly string[];
  readonly supplierKeys: readonly string[];
  readonly policy: ControlPolicy;
}
