/** Root of every error this package throws; branch on `code`. */
export abstract class EmulatorError extends Error {
  abstract readonly code: string;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

export type FlashFault = 'not-erased' | 'unaligned' | 'out-of-range' | 'worn' | 'bad-layout' | 'forbidden';

/** The flash driver was asked for something NOR flash cannot do; nothing was changed (except by `worn`). */
export class FlashError extends EmulatorError {
  readonly code: FlashFault;
  constructor(code: FlashFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The power went during a flash operation. Whoever sees it stops; after `powerOn()` only flash counts. */
export class PowerLost extends EmulatorError {
  readonly code = 'power-lost';
  readonly operation: number;
  constructor(operation: number) {
    super(`power was lost at flash operation ${operation}; call powerOn() and boot again`);
    this.operation = operation;
  }
}

export type FlashFileFault = 'bad-magic' | 'bad-version' | 'truncated' | 'bad-crc' | 'bad-layout';

/** A flash file that cannot be used. */
export class FlashFileError extends EmulatorError {
  readonly code: FlashFileFault;
  constructor(code: FlashFileFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type BootFault =
  'already-installed' | 'bad-value' | 'counter-not-new' | 'no-trial' | 'not-staged' | 'not-verified' | 'trial-running';

/** A caller asked the boot records for a step that their state does not allow; nothing was recorded. */
export class BootError extends EmulatorError {
  readonly code: BootFault;
  constructor(code: BootFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type MeterFault =
  'already-provisioned' | 'bad-identity' | 'bad-load' | 'bad-settings' | 'bad-value' | 'not-provisioned';

/** Misuse of the meter's registers, logs or identity. */
export class MeterError extends EmulatorError {
  readonly code: MeterFault;
  constructor(code: MeterFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
