/**
 * - `misuse`: an option is out of its bounds;
 * - `package-refused`: the octets are no package that holds under the keys given; the message names the fault;
 * - `not-applicable`: a sound meter of this fleet does not come to run the image, so no meter would: the message says what it answered;
 * - `worker-failed`: a worker thread ended with an error, which is the cause;
 * - `interrupted`: the caller's signal came.
 */
export type FleetErrorCode = 'misuse' | 'package-refused' | 'not-applicable' | 'worker-failed' | 'interrupted';

/** The fleet cannot be made, or cannot go on. What befalls single meters is in their ends. */
export class FleetError extends Error {
  readonly code: FleetErrorCode;
  constructor(code: FleetErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FleetError';
    this.code = code;
  }
}
