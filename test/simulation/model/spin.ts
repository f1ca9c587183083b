/** Spin, the model checker, as three calls: search the model whole, look for a counterexample, walk through it at random. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TRIAL_STARTS_MAX, WINDOW_BLOCKS_MIN } from '@smets1/protocol';

/** How large the world is that a search or a walk goes through. */
export interface ModelSize {
  readonly blocks: number;
  /** Sessions looked at; what would need more ends there. */
  readonly sessions: number;
  /** Power cuts, frames doubled, forged frames, spoilt blocks: at most so many. */
  readonly cuts: number;
  readonly doubles: number;
  readonly forgeries: number;
  readonly rots: number;
}

export interface Search extends ModelSize {
  /** `ends`: also that every job ends, once no more than one frame is lost. */
  readonly property: 'safety' | 'ends';
  /** The guard that is taken out. */
  readonly without?: string;
}

export interface SearchResult {
  readonly states: number;
  /** The search saw every state: no bound of memory, depth or time stopped it. */
  readonly isComplete: boolean;
  /** What is violated, as Spin says it, with the moves that lead there; undefined when nothing is. */
  readonly violation: string | undefined;
  readonly moves: readonly string[];
}

/** Octets of memory, in MiB, that a search may take. */
const MEMORY_MIB_MAX = 4096;
const DEPTH_MAX = 1_000_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** The model stands beside the source, not in dist/. */
const HERE = fileURLToPath(new URL('.', import.meta.url)).replace(/dist[\\/]/, '');
const MODEL_FILE: string = join(HERE, 'ota.pml');

/** What is missing on this machine, or undefined. */
export function missingTool(): string | undefined {
  for (const tool of ['spin', 'gcc']) {
    if (spawnSync(tool, ['-V'], { stdio: 'ignore' }).error !== undefined) return tool;
  }
  return undefined;
}

export function search(what: Search, millisecondsMax: number): SearchResult {
  return inFolder((folder) => {
    const fair = what.property === 'ends' ? ['-DFAIR'] : [];
    run('spin', [...defines(what), ...fair, '-a', MODEL_FILE], folder, millisecondsMax);
    // A counterexample is found in moments; optimising would take longer than the search.
    const level = what.without === undefined ? '-O2' : '-O0';
    const kind = what.property === 'ends' ? '-DNOFAIR' : '-DSAFETY';
    run('gcc', [level, '-w', '-DCOLLAPSE', kind, `-DMEMLIM=${MEMORY_MIB_MAX}`, '-o', 'pan', 'pan.c'], folder, 60_000);
    const flags = what.property === 'ends' ? ['-a'] : [];
    const said = run('./pan', [...flags, `-m${DEPTH_MAX}`], folder, millisecondsMax, true);
    const violation = /^pan:\d+: (?!elapsed)(.*)$/m.exec(said)?.[1];
    const moves = existsSync(join(folder, 'ota.pml.trail')) ? movesOf(what, folder) : [];
    return {
      states: Number(/([\d.e+]+) states, stored/.exec(said)?.[1] ?? 0),
      isComplete:
        /errors: 0/.test(said) && !/Search not completed|max search depth too small|out of memory/i.test(said),
      violation,
      moves,
    };
  });
}

/** One walk of the model, as its printf lines: every move of the meter, and its state after it. */
export function walk(size: ModelSize, seed: number): readonly string[] {
  const flags = ['-T', '-DWALK', `-n${seed}`, '-u20000', ...defines(size), MODEL_FILE];
  return linesOf(inFolder((folder) => run('spin', flags, folder, 60_000)));
}

/** A folder for one call: Spin writes what it reads, preprocessed, to a fixed name where it stands. */
function inFolder<T>(act: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'ota-model-'));
  try {
    return act(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function movesOf(what: Search, folder: string): readonly string[] {
  const fair = what.property === 'ends' ? ['-DFAIR'] : [];
  return linesOf(
    run('spin', ['-T', '-k', 'ota.pml.trail', ...defines(what), ...fair, MODEL_FILE], folder, 60_000, true),
  );
}

function linesOf(said: string): readonly string[] {
  return said
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^(hears|says|state|cut|rot|crash|well|enough)\b/.test(line));
}

function defines(what: ModelSize & { readonly without?: string }): string[] {
  const values = {
    BLOCKS: what.blocks,
    WINDOW: WINDOW_BLOCKS_MIN,
    TRIAL_STARTS: TRIAL_STARTS_MAX,
    SESSIONS: what.sessions,
    CUTS: what.cuts,
    DOUBLES: what.doubles,
    FORGERIES: what.forgeries,
    ROTS: what.rots,
    WITHOUT: what.without ?? 'NOTHING',
  };
  return Object.entries(values).map(([name, value]) => `-D${name}=${value}`);
}

/** @throws Error with what the tool said when it does not end well, unless `anyEnd` */
function run(tool: string, args: readonly string[], cwd: string, timeout: number, anyEnd = false): string {
  const ended = spawnSync(tool, args, {
    cwd,
    timeout,
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
    killSignal: 'SIGKILL',
  });
  if (ended.error !== undefined && !(anyEnd && 'code' in ended.error && ended.error.code === 'ETIMEDOUT'))
    throw ended.error;
  if (ended.status !== 0 && !anyEnd) throw new Error(`${tool} ${args.join(' ')}: ${ended.stderr}${ended.stdout}`);
  return ended.stdout;
}

export function modelText(): string {
  return readFileSync(MODEL_FILE, 'utf8');
}
