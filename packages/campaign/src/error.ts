/** What others wrote wrongly is returned as a fault; our caller's mistakes, and a journal that cannot be, are thrown. */

export type CampaignErrorCode = 'misuse' | 'journal-damaged' | 'other-campaign' | 'clock' | 'dco-refused';

/**
 * The one error of this package. Branch on `code`:
 * - `misuse`: the caller's side;
 * - `journal-damaged`: a record that cannot follow the ones before it, or that is none; nothing was done;
 * - `other-campaign`: the journal belongs to another input; take that one, or another journal;
 * - `clock`: the clock gave no time that a campaign can have;
 * - `dco-refused`: the DCO does not take what the campaign must tell it; the message says what.
 */
export class CampaignError extends Error {
  readonly code: CampaignErrorCode;
  constructor(code: CampaignErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CampaignError';
    this.code = code;
  }
}

/** Why an input is not taken. */
export type InputFaultCode =
  | 'too-large'
  | 'byte-order-mark'
  | 'not-json'
  | 'malformed'
  | 'bad-lists'
  | 'duplicate-id'
  | 'unknown-id'
  | 'duplicate-meter'
  | 'too-many-meters'
  | 'order'
  | 'contradiction';

export interface InputFault {
  readonly code: InputFaultCode;
  /** Where, as `requests.3.cohortIds.0`; empty when it is the whole. */
  readonly path: string;
  /** What is wrong and what to do, for people. */
  readonly message: string;
}

export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: InputFault };
