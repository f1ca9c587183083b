/** How far, how fast, how long still: a line that is drawn over itself on a terminal, a plain line now and then elsewhere. */
import { PROGRESS_REDRAW_MS, PROGRESS_STEP_PERCENT, RATE_SAMPLES_MAX, RATE_WINDOW_MS } from '../limits.js';
import type { Terminal } from '../shell.js';
import { counted, duration } from './style.js';

export interface Progress {
  readonly label: string;
  /** Octets done, of those there are. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

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
    rate.add(now, progress.doneBytes);
    const percent = percentOf(progress);
    const line = lineOf(progress, rate.octetsPerSecond());
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

function percentOf({ doneBytes, totalBytes }: Progress): number {
  return totalBytes === 0 ? 100 : Math.floor((100 * doneBytes) / totalBytes);
}

function lineOf(progress: Progress, octetsPerSecond: number | undefined): string {
  const { label, doneBytes, totalBytes } = progress;
  const head = `${label}: ${counted(doneBytes)} of ${counted(totalBytes)} octets, ${percentOf(progress)} %`;
  if (octetsPerSecond === undefined || octetsPerSecond <= 0) return head;
  const left = doneBytes < totalBytes ? `, ${duration(((totalBytes - doneBytes) / octetsPerSecond) * 1000)} left` : '';
  return `${head}, ${counted(octetsPerSecond)} octets/s${left}`;
}

interface RateMeter {
  add(atMs: number, doneBytes: number): void;
  /** Over the last while; undefined until two instants are known. */
  octetsPerSecond(): number | undefined;
}

function rateMeter(): RateMeter {
  let samples: { readonly atMs: number; readonly doneBytes: number }[] = [];
  return {
    add: (atMs, doneBytes) => {
      // What a meter held already was not carried by this line: a leap back or a first sample starts the count anew.
      if (doneBytes < (samples.at(-1)?.doneBytes ?? 0)) samples = [];
      samples.push({ atMs, doneBytes });
      while (samples.length > 2 && (atMs - samples[0]!.atMs > RATE_WINDOW_MS || samples.length > RATE_SAMPLES_MAX)) {
        samples.shift();
      }
    },
    octetsPerSecond: () => {
      const [first, last] = [samples[0], samples.at(-1)];
      if (first === undefined || last === undefined || last.atMs <= first.atMs) return undefined;
      return ((last.doneBytes - first.doneBytes) * 1000) / (last.atMs - first.atMs);
    },
  };
}
