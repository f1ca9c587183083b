export * from './errors.js';
export * from './limits.js';
export * from './flash/fault-plan.js';
export * from './flash/flash-file.js';
export * from './flash/flash-port.js';
export * from './flash/layout-plan.js';
export * from './flash/nor-flash.js';
export * from './flash/record-log.js';
export * from './boot/boot.js';
export * from './boot/boot-crypto.js';
export {
  confirmTrial,
  discardStaged,
  otherSlot,
  readBootState,
  recordActivation,
  recordOutcome,
  recordStaged,
} from './boot/boot-records.js';
export type { RecordCrypto } from './boot/boot-records.js';
export { OUTCOME_CODES } from './boot/boot-state.js';
export type {
  ActivationOutcome,
  BootState,
  ConfirmedImage,
  ImageIdentity,
  OutcomeCode,
  PendingActivation,
  SlotIndex,
  Trial,
} from './boot/boot-state.js';
export * from './boot/factory.js';
export * from './boot/slot.js';
export * from './meter/identity.js';
export * from './meter/import-register.js';
export * from './meter/security-log.js';
export { blobOf, offerOf, trustOf } from './firmware/image-header.js';
export type { FirmwareTimings } from './firmware/firmware.js';
export * from './esme.js';
