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
export { floorOf, OUTCOME_CODES } from './boot/boot-state.js';
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
export * from './meter/security-log.js';
export * from './meter/csv-load.js';
export * from './meter/event-codes.js';
export * from './meter/household-load.js';
export * from './meter/load-source.js';
export * from './meter/meter.js';
export * from './meter/meter-types.js';
export { StateStore as MeterStateStore } from './meter/state-store.js';
export * from './meter/settings.js';
export type { Season, SpecialDay, Tariff, TariffMode, TariffSwitch } from './meter/tariff.js';
export { blobOf, bootCryptoOf, imageHeaderReader, offerOf, trustOf } from './firmware/image-header.js';
export { StagingStore } from './firmware/staging-store.js';
export type { FirmwareTimings } from './firmware/firmware.js';
export { FIRMWARE_BEHAVIOURS } from './firmware/behaviour.js';
export type { FirmwareBehaviour } from './firmware/behaviour.js';
export type { DeviceProfile, DeviceQuirks } from './profiles/device-profile.js';
export { PROFILE_NAMES, profileNamed } from './profiles/profiles.js';
export * from './esme.js';
