/** Our side used the guard wrongly. Thrown; what a client does wrong is a {@link Refusal}. */
export class GuardError extends Error {
  readonly code: 'misuse' | 'listen-failed';
  constructor(code: 'misuse' | 'listen-failed', message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GuardError';
    this.code = code;
  }
}

export type RefusalCode =
  | 'wrong-host'
  | 'wrong-origin'
  | 'no-token'
  | 'wrong-token'
  | 'bad-request'
  | 'bad-target'
  | 'bad-json'
  | 'not-an-upgrade'
  | 'no-upgrade'
  | 'headers-too-large'
  | 'body-too-large'
  | 'unsupported-encoding'
  | 'too-slow'
  | 'defect';

/** What a client is told instead of an answer: HTTP status and the body `{ "error": { code, message } }`. */
export interface Refusal {
  readonly ok: false;
  readonly status: number;
  readonly code: RefusalCode;
  readonly message: string;
}

const STATUS: Readonly<Record<RefusalCode, number>> = {
  'wrong-host': 403,
  'wrong-origin': 403,
  'no-token': 401,
  'wrong-token': 401,
  'bad-request': 400,
  'bad-target': 400,
  'bad-json': 400,
  'not-an-upgrade': 400,
  'no-upgrade': 404,
  'headers-too-large': 431,
  'body-too-large': 413,
  'unsupported-encoding': 415,
  'too-slow': 408,
  defect: 500,
};

export function refuse(code: RefusalCode, message: string): Refusal {
  return { ok: false, status: STATUS[code], code, message };
}
