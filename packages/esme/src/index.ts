/** A whole virtual meter for tests. */
export { createEsme } from './virtual-esme.js';
export { DESK_PROFILE } from './factory.js';
export { DeskError } from './error.js';
export type { DeskErrorCode } from './error.js';
export type {
  CreateEsmeOptions,
  DeskImage,
  DeskMeter,
  FailureReason,
  ImageWish,
  Struck,
  UpdateEnd,
  UpdateOptions,
  VirtualEsme,
} from './types.js';
export * as limits from './limits.js';
