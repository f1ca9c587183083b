/** From the words of a console line to the JSON of the command. What the schema checks is not checked here. */
import { CliError } from '../errors.js';
import { instantS } from '../flags/values.js';
import { messageOf } from '../files/input-file.js';

export function noWords(words: readonly string[]): undefined {
  if (words.length > 0) throw new CliError('usage', `"${words[0]}" is too much here`);
}

export function oneOf(words: readonly string[], known: readonly string[]): string {
  const [word, ...more] = words;
  noWords(more);
  if (word === undefined || !known.includes(word)) throw new CliError('usage', `one of ${known.join(', ')} is wanted`);
  return word;
}

/** `812 tear 3 weak`; `+5` counts from now; nothing at all cuts at once. */
export function cutWords(words: readonly string[]): unknown {
  const [at, ...how] =
    words[0]?.match(/^\+?\d/) === undefined || words[0]?.match(/^\+?\d/) === null ? [undefined, ...words] : words;
  const fields: Record<string, unknown> = { power: 'cut' };
  if (at !== undefined) fields[at.startsWith('+') ? 'inOperations' : 'atOperation'] = numberOf(at.replace('+', ''));
  for (let i = 0; i < how.length; i++) {
    const word = how[i]!;
    switch (word) {
      case 'before':
      case 'during':
      case 'after':
        fields['phase'] = word;
        break;
      case 'bits':
      case 'prefix':
        fields['mode'] = word;
        break;
      case 'weak':
      case 'neighbour':
        fields[word] = true;
        break;
      case 'tear':
        fields['torn'] = numberOf(how[++i]);
        break;
      case 'seed':
        fields['seed'] = numberOf(how[++i]);
        break;
      case 'on-after':
        fields['powerOnAfterMs'] = durationMs(how[++i]);
        break;
      default:
        throw new CliError('usage', `"${word}" says nothing of a cut; see help`);
    }
  }
  return fields;
}

/** `clear`, or what `rot`, `stick` and `break` take. */
export function faultWords(words: readonly string[], name: string): unknown {
  const [first, second, third, ...more] = words;
  noWords(more);
  switch (name) {
    case 'rot':
      noWords(words.slice(2));
      return faults({ kind: 'rot', offsetBytes: numberOf(first), mask: numberOf(second) });
    case 'stick':
      return faults({ kind: 'stick', offsetBytes: numberOf(first), mask: numberOf(second), value: numberOf(third) });
    case 'break':
      noWords(words.slice(2));
      return faults({ kind: 'break', sector: numberOf(first), as: second });
    default:
      noWords(words.slice(1));
      return first === undefined ? {} : { clear: oneOf(words, ['clear']) === 'clear' };
  }
}

/** `30m` of `advance`; an instant, or nothing, of `clock`. */
export function clockOf(words: readonly string[], name: string): unknown {
  const [word, ...more] = words;
  noWords(more);
  if (name === 'advance') return { advanceMs: durationMs(word) };
  if (word === undefined) return {};
  try {
    return { setS: instantS(word) };
  } catch (error) {
    throw new CliError('usage', messageOf(error), { cause: error });
  }
}

export function jsonOf(words: readonly string[]): unknown {
  try {
    return JSON.parse(words.join(' '));
  } catch (error) {
    throw new CliError('usage', `that is no JSON: ${messageOf(error)}`, { cause: error });
  }
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `250ms`, `5s`, `30m`, `2h`, `7d`. */
function durationMs(word: string | undefined): number {
  const [, digits, unit = ''] = /^(\d{1,12})(ms|s|m|h|d)$/.exec(word ?? '') ?? [];
  if (digits === undefined) throw new CliError('usage', 'a time is wanted, as in 250ms, 5s, 30m, 2h or 7d');
  return Number(digits) * UNITS[unit]!;
}

function numberOf(word: string | undefined): number {
  const isNumber = word !== undefined && /^(?:\d{1,15}|0[xX][0-9A-Fa-f]{1,12})$/.test(word);
  if (!isNumber) throw new CliError('usage', `a whole number is wanted${word === undefined ? '' : `, not "${word}"`}`);
  return Number(word);
}

function faults(fault: Readonly<Record<string, unknown>>): unknown {
  return { faults: [{ fault }] };
}
