/** The exit codes of `smets1`, for programs that call it. The commands themselves are the API. */
export { EXIT, outcomeNameOf } from './exit-codes.js';
export type { ExitCode, OutcomeName } from './exit-codes.js';
