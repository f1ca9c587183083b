/** How far, how fast, how long still: a line that is drawn over itself on a terminal, a plain line now and then elsewhere. */
import { PROGRESS_REDRAW_MS, PROGRESS_STEP_PERCENT, RATE_SAMPLES_MAX, RATE_WINDOW_MS } from '../limits.js';
import type { Terminal } from '../shell.js';
import { counted, duration } from './style.js';

/** Octets or meters done, of those there are. */
export type Progress = { readonly label: string } & (
  | { readonly doneBytes: number; readonly totalBytes: number }
  | { readonly doneMeters: number; readonly totalMeters: number }
);

export interface ProgressDisplay {
  show(progress: Progress): void;
  /** Takes the line away, so that something else can be printed. */
  clear(): void;
}

export function progressDisplay(terminal: Terminal, nowMs: () => number): ProgressDisplay {
  const rate = rateMeter();
  let isDrawn = false;
  let drawnAtMs = Number.NEGATIVE_INFINITY;
  let percentPrinted = Number.NEGATIVE_INFINITY;

  const clear = (): void => {
    if (isDrawn) terminal.write('\r\u001B[K');
    isDrawn = false;
  };
  const show = (progress: Progress): void => {
    const now = nowMs();
    const measure = measureOf(progress);
    rate.add(now, measure.done);
    const percent = percentOf(measure);
    const line = lineOf(progress.label, measure, rate.perSecond());
    if (!terminal.isTty) {
      if (percent < percentPrinted + PROGRESS_STEP_PERCENT && (percent < 100 || percentPrinted >= 100)) return;
      percentPrinted = percent;
      terminal.write(`${line}\n`);
      return;
    }
    if (now - drawnAtMs < PROGRESS_REDRAW_MS && percent < 100) return;
    drawnAtMs = now;
    isDrawn = true;
    // One column is left free: a terminal that is filled to the edge begins a new line.
    terminal.write(`\r\u001B[K${line.slice(0, Math.max(0, terminal.columns - 1))}`);
  };
  return { show, clear };
}

interface Measure {
  readonly done: number;
  readonly total: number;
  readonly unit: string;
}

function measureOf(progress: Progress): Measure {
  if ('doneMeters' in progress) return { done: progress.doneMeters, total: progress.totalMeters, unit: 'meters' };
  return { done: progress.doneBytes, total: progress.totalBytes, unit: 'octets' };
}

function percentOf({ done, total }: Measure): number {
  return total === 0 ? 100 : Math.floor((100 * done) / total);
}

function lineOf(label: string, measure: Measure, perSecond: number | undefined): string {
  const { done, total, unit } = measure;
  const head = `${label}: ${counted(done)} of ${counted(total)} ${unit}, ${percentOf(measure)} %`;
  if (perSecond === undefined || perSecond <= 0) return head;
  const left = done < total ? `, ${duration(((total - done) / perSecond) * 1000)} left` : '';
  return `${head}, ${counted(perSecond)} ${unit}/s${left}`;
}

interface RateMeter {
  add(atMs: number, done: number): void;
  /** Over the last while; undefined until two instants are known. */
  perSecond(): number | undefined;
}

function rateMeter(): RateMeter {
  let samples: { readonly atMs: number; readonly done: number }[] = [];
  return {
    add: (atMs, done) => {
      // What a meter held already was not carried by this line: a leap back or a first sample starts the count anew.
      if (done < (samples.at(-1)?.done ?? 0)) samples = [];
      samples.push({ atMs, done });
      while (samples.length > 2 && (atMs - samples[0]!.atMs > RATE_WINDOW_MS || samples.length > RATE_SAMPLES_MAX)) {
        samples.shift();
      }
    },
    perSecond: () => {
      const [first, last] = [samples[0], samples.at(-1)];
      if (first === undefined || last === undefined || last.atMs <= first.atMs) return undefined;
      return ((last.done - first.done) * 1000) / (last.atMs - first.atMs);
    },
  };
}
