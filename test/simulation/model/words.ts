/** A walk as Spin prints it, and what the meter says in the words of the model. */
import { decodeOutcome, refusalOf, type MeterMessage } from '@smets1/protocol';

/** One thing that befalls the meter, and what came of it. */
export interface Event {
  readonly name: string;
  readonly words: readonly string[];
  readonly cuts: string[];
  readonly says: string[];
  /** The last one: what the event came to. */
  state: string | undefined;
}

export const RESULTS: Readonly<Record<string, string>> = {
  success: 'SUCCESS',
  noImageHeld: 'NOIMAGE',
  hashMismatch: 'MISMATCH',
  activationFailure: 'FAILURE',
};

const REFUSALS: Readonly<Record<string, string>> = {
  counterTooLow: 'LOW',
  trialRunning: 'TRIALRUNNING',
  originatorCounterUsed: 'USED',
  noSession: 'NOSESSION',
  incomplete: 'INCOMPLETE',
  authorisationWrongDevice: 'FORGED',
  supplierSignatureBad: 'FORGED',
  countersignatureBad: 'FORGED',
};

const STATUSES = { send: 'SEND', sealed: 'HELD', running: 'RUNNING' } as const;

/** A message in the words of the model; undefined for one that it does not have. */
export function wordOf(message: MeterMessage): string | undefined {
  switch (message.kind) {
    case 'accept':
      return `ACCEPT ${STATUSES[message.status]}`;
    case 'refuse':
      return `REFUSE ${REFUSALS[refusalOf(message.code) ?? ''] ?? message.code}`;
    case 'sealed':
    case 'outcome': {
      const outcome = decodeOutcome(message.outcome);
      return `${message.kind.toUpperCase()} ${outcome.ok ? RESULTS[outcome.value.code] : outcome.fault.code}`;
    }
    // To a PING without a session the meter tells its state; the model has one word for both.
    case 'state':
      return 'REFUSE NOSESSION';
    case 'alert':
      return undefined;
    default:
      return message.kind.toUpperCase();
  }
}

export function eventsOf(lines: readonly string[]): readonly Event[] {
  const events: Event[] = [{ name: 'start', words: [], cuts: [], says: [], state: undefined }];
  for (const line of lines) {
    const [name = '', ...words] = line.split(/\s+/);
    const event = events.at(-1)!;
    if (name === 'state') event.state = stateOf(words);
    else if (name === 'says') event.says.push(SIMPLE.has(words[0]!) ? words[0]! : words.slice(0, 2).join(' '));
    else if (name === 'cut' && words[0] !== 'idle') event.cuts.push(words[0]!);
    else events.push({ name, words, cuts: [], says: [], state: undefined });
  }
  return events;
}

/** Words whose second says nothing that the state does not. */
const SIMPLE: ReadonlySet<string> = new Set(['SACK', 'MAP', 'NACK', 'BUSY']);

/** With the number of durable blocks instead of which: that is what the meter shows. */
function stateOf(words: readonly string[]): string {
  const bits = Number(words[3]).toString(2).replaceAll('0', '').length;
  return [...words.slice(0, 3), bits, ...words.slice(4)].join(' ');
}

export function disagreementOf(event: Event, said: readonly string[], state: string): string | undefined {
  if (event.state !== undefined && event.state !== state)
    return `the model is at "${event.state}", the meter at "${state}"`;
  // What was said before a cut is as good as lost: the frames of a step leave when it is over.
  if (event.cuts.length > 0) return undefined;
  // Of a repeated block the meter may say SACK when its last one is old; the model knows no age.
  const extra = event.words[0] === 'DATA' && event.says.length === 0;
  const heard = extra ? said.filter((word) => word !== 'SACK') : said;
  if (heard.join(', ') === event.says.join(', ')) return undefined;
  return `the model says "${event.says.join(', ')}", the meter "${heard.join(', ')}"`;
}
