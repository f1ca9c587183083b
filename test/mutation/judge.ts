/** What a report of Stryker comes to, held against the list of survivors. Lines move, so a mutant is known by what it changes. */

export interface Report {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>;
}

interface Mutant {
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly status: string;
  readonly location: { readonly start: Place; readonly end: Place };
}

/** Both from 1. */
interface Place {
  readonly line: number;
  readonly column: number;
}

/** A mutant that no test can tell from the code, or whose telling would be worth nothing. */
export interface Survivor {
  readonly file: string;
  /** The line that it starts in, without the space around it. */
  readonly line: string;
  readonly original: string;
  readonly replacement: string;
  readonly reason: string;
}

export interface Score {
  readonly file: string;
  readonly killed: number;
  /** Listed with a reason. */
  readonly excused: number;
  /** Words of a message for people that survived: what they say decides nothing. */
  readonly words: number;
  /** Survived, and stand on no list. */
  readonly open: number;
  readonly all: number;
}

export interface Judgement {
  readonly scores: readonly Score[];
  readonly complaints: readonly string[];
}

const KILLED: ReadonlySet<string> = new Set(['Killed', 'Timeout']);
/** Not run at all: does not compile, or was told to be left out. */
const VOID: ReadonlySet<string> = new Set(['CompileError', 'RuntimeError', 'Ignored']);

/**
 * @param least - The share of a file's mutants that must be killed, 0 to 1, where words and listed ones are left out of the count. 1, which
 * is what a room has that names none, makes a complaint of every survivor that stands on no list.
 */
export function judge(report: Report, survivors: readonly Survivor[], least = 1): Judgement {
  const complaints: string[] = [];
  const scores: Score[] = [];
  for (const survivor of survivors) {
    if (survivor.reason.trim().length < 10) complaints.push(`a survivor needs a reason: ${nameOf(survivor)}`);
  }
  for (const [file, { source, mutants }] of Object.entries(report.files)) {
    const lines = source.split('\n');
    const unused = survivors.filter((survivor) => survivor.file === file);
    let killed = 0;
    let excused = 0;
    let words = 0;
    let all = 0;
    const open: string[] = [];
    for (const mutant of mutants) {
      if (VOID.has(mutant.status)) continue;
      all += 1;
      if (KILLED.has(mutant.status)) {
        killed += 1;
        continue;
      }
      const found = { file, ...changeOf(lines, mutant) };
      if (isWords(lines, mutant)) {
        words += 1;
        continue;
      }
      const at = unused.findIndex((survivor) => nameOf(survivor) === nameOf(found));
      if (at >= 0) {
        unused.splice(at, 1);
        excused += 1;
      } else {
        open.push(`line ${mutant.location.start.line} ${mutant.status.toLowerCase()}: ${nameOf(found)}`);
      }
    }
    if (killed / (killed + open.length) < least) {
      complaints.push(...open);
      if (least < 1) complaints.push(`${file}: ${killed} of ${killed + open.length} is less than ${least}`);
    }
    for (const survivor of unused) complaints.push(`listed as a survivor, and is none: ${nameOf(survivor)}`);
    scores.push({ file, killed, excused, words, open: open.length, all });
  }
  return { scores, complaints };
}

/** The lines of what was not killed, as Stryker is told what to mutate. Words for people are not among them. */
export function placesOfSurvivors(report: Report): readonly string[] {
  return Object.entries(report.files).flatMap(([file, { source, mutants }]) => {
    const lines = source.split('\n');
    const open = mutants.filter(
      (mutant) => !KILLED.has(mutant.status) && !VOID.has(mutant.status) && !isWords(lines, mutant),
    );
    return [...new Set(open.map(({ location: { start, end } }) => `${file}:${start.line}-${end.line}`))];
  });
}

/** The first report, with what the second one killed of it. */
export function withKilled(first: Report, second: Report): Report {
  const files = Object.entries(first.files).map(([file, { source, mutants }]) => {
    const killed = (second.files[file]?.mutants ?? []).filter(({ status }) => KILLED.has(status));
    const isKilled = (mutant: Mutant): boolean => killed.some((other) => isSame(other, mutant));
    const merged = mutants.map((mutant) => (isKilled(mutant) ? { ...mutant, status: 'Killed' } : mutant));
    return [file, { source, mutants: merged }] as const;
  });
  return { files: Object.fromEntries(files) };
}

function isSame(a: Mutant, b: Mutant): boolean {
  const key = ({ mutatorName, replacement, location }: Mutant): string =>
    JSON.stringify([mutatorName, replacement, location.start, location.end]);
  return key(a) === key(b);
}

function isWords(lines: readonly string[], mutant: Mutant): boolean {
  return mutant.mutatorName === 'StringLiteral' && changeOf(lines, mutant).original.includes(' ');
}

type Change = Pick<Survivor, 'line' | 'original' | 'replacement'>;

function changeOf(lines: readonly string[], { location, replacement = '' }: Mutant): Change {
  const { start, end } = location;
  const text = lines.slice(start.line - 1, end.line);
  text[text.length - 1] = text.at(-1)!.slice(0, end.column - 1);
  text[0] = text[0]!.slice(start.column - 1);
  return { line: lines[start.line - 1]!.trim(), original: text.join('\n'), replacement };
}

function nameOf({ file, line, original, replacement }: Omit<Survivor, 'reason'>): string {
  return JSON.stringify({ file, line, original, replacement });
}
