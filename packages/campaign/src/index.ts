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
export { CampaignError, type CampaignErrorCode, type Checked, type InputFault, type InputFaultCode } from './error.js';
export { campaignCommandOf, campaignInputOf, campaignInputOfText, type StrictJson } from './input/campaign-input-of.js';
export { lineOfRecord, recordOfLine } from './journal-line.js';
export { apply } from './machine/apply.js';
export { type Campaign, type CampaignParts, compileCampaign, deviceIdOf } from './machine/campaign.js';
export { createState } from './machine/create-state.js';
export { meterOf, meterView, type MeterView } from './machine/meter-view.js';
export { nextRecord, wakeAtMs } from './machine/next-record.js';
export { type MeterOutcome, recordOfCommand, recordOfOutcomes, recordOfRoom } from './machine/record-of.js';
export { type CsvFile, reportCsv } from './report/report-csv.js';
export { createReporter, type Reporter } from './report/reporter.js';
export { reportPage } from './report-page/report-page.js';
export { simulate, type Simulated, type SimulateOptions } from './simulate/simulate.js';
export { whatIf, type WhatIf } from './what-if.js';
export { stopRule, type SequentialStopRule, type StopObservation, type StopRuleGoals } from './stop-rule/stop-rule.js';
export {
  type Arrival,
  type ExactOutcome,
  type Share,
  stopRuleTable,
  type StopRuleRow,
  type StopRuleTrial,
} from './stop-rule/stop-rule-table.js';
export { openCampaign, type RunningCampaign, type RunOptions, type Turn } from './run/run-campaign.js';
export type {
  Activation,
  ActivationTaken,
  ClockPort,
  DcoPort,
  DcoResponse,
  DcoRoom,
  JournalPort,
  Submission,
} from './ports.js';
