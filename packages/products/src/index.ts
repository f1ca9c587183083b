export { type Cohort, cohortOfCsv } from './cohorts/cohort-csv.js';
export {
  type Checked,
  type CsvFault,
  type CsvFaultCode,
  type ListFault,
  type ListFaultCode,
  ProductsError,
} from './errors.js';
export { checkProof, type ProofVerdict } from './hops/check-proof.js';
export type { ForbiddenHop, Hop, HopOptions, HopPath, HopPlan, HopRule, NoPathProof } from './hops/hop-plan.js';
export { planHops } from './hops/plan-hops.js';
export {
  type CplEntry,
  type CplStatus,
  type EpclEntry,
  type EpclRoute,
  type Product,
  type ProductLists,
  productListsOf,
} from './lists/product-lists.js';
export { LARGE_IMAGE_OCTETS } from './limits.js';
