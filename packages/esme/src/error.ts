export type DeskErrorCode = 'no-power' | 'misuse';

/** The desk was used in a way that cannot be meant. */
export class DeskError extends Error {
  readonly code: DeskErrorCode;
  constructor(code: DeskErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}
