/** Which meter gets which image, when and how fast: plan, schedule, stop rules and reports of a campaign. */
export type {
  CampaignCommand,
  CampaignInput,
  Cohort,
  DeliverySchedule,
  MaintenanceWindow,
  MeterBehaviour,
  MeterList,
  MeterModel,
  MeterSet,
  Notice,
  OtherTraffic,
  Phase,
  Policy,
  Request,
  SchedulePeriod,
  ScriptedCommand,
  StopRulePolicy,
  User,
} from './model/campaign-input.js';
export type * from './model/campaign-record.js';
export type * from './model/campaign-report.js';
export type { CampaignState, MeterReason, MeterStage, RequestStatus } from './model/campaign-state.js';
export type {
  CplEntry,
  EpclEntry,
  Hop,
  HopOptions,
  HopPlan,
  ProductLists,
  ProductsPort,
} from './model/products-port.js';
export type { StopRule, StopState, StopVerdict } from './model/stop-rule-port.js';
