export {
  stopRule,
  type StopObservation,
  type StopRule,
  type StopRuleGoals,
  type StopState,
  type StopVerdict,
} from './stop-rule/stop-rule.js';
export {
  type Arrival,
  type ExactOutcome,
  type Share,
  stopRuleTable,
  type StopRuleRow,
  type StopRuleTrial,
} from './stop-rule/stop-rule-table.js';
