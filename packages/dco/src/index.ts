export { startDco, DEFAULT_CONTROL_POLICY } from './server/start-dco.js';
export type { ControlSettings, Dco, DcoOptions } from './server/start-dco.js';
export { ensureTokenFile, readTokenFile } from './server/token-file.js';
export { CANCELLATION_DATE, dcoClient } from './client/client.js';
export type { DcoClient } from './client/client.js';
export { loadInventory, inventoryOf } from './inventory.js';
export type { Inventory, InventoryDevice } from './inventory.js';
export type { Link, MeterLinks } from './meter-links.js';
export { speak } from './s1sp/conversation.js';
export type { Conversation, Spoken } from './s1sp/conversation.js';
export { realClock } from './clock.js';
export type { Clock } from './clock.js';
export { DcoError } from './error.js';
export type { DcoErrorCode, Refusal, RefusalCode } from './error.js';
export type { StageEvent } from './events.js';
export { DEFAULT_SETTINGS } from './store/settings.js';
export type { DcoSettings } from './store/settings.js';
export type {
  ControlPolicy,
  ControlPort,
  CountersignatureAnswer,
  CountersignatureRequest,
  RevocationAnswer,
  RevocationRequest,
} from './control-port.js';
export type { DeviceResult, EntryCode, EntryRecord, ImageResult, MeterRecord } from './store/records.js';
export type { PartAccepted } from './store/intake.js';
export type { Admitted } from './s1sp/admission.js';
export type { Pulled } from './responses/pull.js';
export type {
  CapacityChangeView,
  CapacityView,
  IncidentView,
  ScheduleView,
  UserCapacityView,
} from './capacity-view.js';
export type { Agreed, CapacityChanged } from './server/capacity-puts.js';
export type { HealthView, ImageView, MeterView, RequestView } from './views.js';
