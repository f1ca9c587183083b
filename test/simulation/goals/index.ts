/** Every goal by its id. Loaded only when asked for, so that one that does not load stops no other. */
import type { Goal } from '../goal.js';

export type GoalModule = () => Promise<{ readonly goal: Goal }>;

export const GOALS: Readonly<Record<string, GoalModule>> = {
  G01: () => import('./g01-operation-cuts.js'),
  G02: () => import('./g02-torn-programs.js'),
  G03: () => import('./g03-torn-erases.js'),
  G04: () => import('./g04-nested-cuts.js'),
  G05: () => import('./g05-cuts-between-steps.js'),
  G06: () => import('./g06-bit-rot.js'),
  G07: () => import('./g07-wear.js'),
  G08: () => import('./g08-transfers.js'),
  G09: () => import('./g09-determinism.js'),
  G12: () => import('./g12-package.js'),
  G13: () => import('./g13-frame-crc.js'),
  G14: () => import('./g14-fuzz.js'),
  G16: () => import('./g16-model.js'),
  G17: () => import('./g17-races.js'),
  G21: () => import('./g21-rollback.js'),
  G24: () => import('./g24-bug-bench.js'),
  G26: () => import('./g26-decision-flips.js'),
  I10: () => import('./i10-metering.js'),
};
