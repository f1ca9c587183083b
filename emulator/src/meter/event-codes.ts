/**
 * Codes in the Event Log. The first two are GBCS's, as a neutral vocabulary; from 0xE000 on they are this model's own:
 * no public text says which codes such a meter writes.
 */
export const EVENT_CODES = {
  clockAdjusted: 0x8145,
  clockNotAdjusted: 0x8f0c,
  supplyDisabled: 0xe001,
  supplyEnabled: 0xe002,
  supplyArmed: 0xe003,
  loadLimited: 0xe004,
  creditAdded: 0xe005,
  emergencyCreditActivated: 0xe006,
  tariffChanged: 0xe007,
  paymentModeChanged: 0xe008,
  settingsChanged: 0xe009,
  billed: 0xe00a,
  tamperDetected: 0xe00b,
  tamperCleared: 0xe00c,
  eventLogCleared: 0xe00d,
  clockWentBack: 0xe00e,
  storageDegraded: 0xe00f,
} as const;
export type EventCode = (typeof EVENT_CODES)[keyof typeof EVENT_CODES];
