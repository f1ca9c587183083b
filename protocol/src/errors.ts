/** Our fault is thrown, theirs is returned. */

export abstract class ProtocolError extends Error {
  abstract readonly code: string;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Our side broke the rules. Thrown: the only fix is in our code. */
export class LocalProtocolError extends ProtocolError {
  readonly code = 'local-misuse';
}

/** What a verifier finds wrong with an object that came from elsewhere. Returned, never thrown. */
export interface Fault<Code extends string> {
  readonly code: Code;
  /** What is wrong and where, for people. */
  readonly detail: string;
  /** The block concerned, when it is one. */
  readonly block?: number;
}

export type Checked<T, Code extends string> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault<Code> };

export function good<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function bad<Code extends string>(
  code: Code,
  detail: string,
  block?: number,
): { readonly ok: false; readonly fault: Fault<Code> } {
  return { ok: false, fault: block === undefined ? { code, detail } : { code, detail, block } };
}
