import type { FirmwareTimings } from '../firmware/firmware.js';
import type { FlashLayout } from '../flash/flash-port.js';

/** How a family of meters deviates from the plain one; absent: it does not. Data, never a branch on a name. */
export interface DeviceQuirks {
  /** Blocks of 2^shift octets; never below what the flash's granule asks for. */
  readonly blockShiftMin?: number;
  readonly blockShiftMax?: number;
  /** Room for open blocks. */
  readonly windowBytes?: number;
  /** Every n-th OFFER is answered BUSY, as by a meter that has something else to do. At least 2. */
  readonly busyEveryOffers?: number;
  /** Every n-th DATA frame is dropped unheard, as by a meter whose buffer is full. At least 2. */
  readonly dropEveryDataFrames?: number;
  /** Once it has accepted an activation it says nothing more until it has started again: the answer itself is lost with the link. */
  readonly dropLinkOnActivate?: boolean;
}

/** A modelled family of meters: what a host can notice of its hardware. No profile claims to be a product of any maker. */
export interface DeviceProfile {
  readonly name: string;
  /** One line for people. */
  readonly title: string;
  readonly layout: FlashLayout;
  readonly timings: Partial<FirmwareTimings>;
  readonly quirks: DeviceQuirks;
}
