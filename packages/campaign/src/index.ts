export type {
  Claim,
  DeliveryBatch,
  DeliveryPlan,
  DeliveryPolicy,
  DeliveryRequest,
  GroupFairness,
  RequestOutcome,
} from './plan/delivery-plan.js';
export { planDeliveries } from './plan/plan-deliveries.js';
export { stopRule, type SequentialStopRule, type StopObservation, type StopRuleGoals } from './stop-rule/stop-rule.js';
export {
  type Arrival,
  type ExactOutcome,
  type Share,
  stopRuleTable,
  type StopRuleRow,
  type StopRuleTrial,
} from './stop-rule/stop-rule-table.js';
