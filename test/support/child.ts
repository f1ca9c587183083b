/** Children of a test: started here, ended here by their own ids, and never left behind. */
import { spawn, type ChildProcess } from 'node:child_process';

export interface Child {
  readonly process: ChildProcess;
  /** All that it wrote so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when a line of its stdout fits; rejects when it ends first. */
  line(fits: (line: string) => boolean): Promise<string>;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals>;
  kill(signal?: NodeJS.Signals): void;
}

export interface ChildOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export function child(program: string, args: readonly string[], options: ChildOptions = {}): Child {
  const started = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  const waiting = new Set<() => void>();
  const look = (): void => {
    for (const check of waiting) check();
  };
  started.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    look();
  });
  started.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    started.on('error', reject);
    started.on('close', (code, signal) => resolve(code ?? signal ?? 1));
  });
  return {
    process: started,
    stdout: () => out,
    stderr: () => err,
    ended,
    kill: (signal = 'SIGKILL') => void started.kill(signal),
    async line(fits) {
      const found = (): string | undefined => out.split('\n').slice(0, -1).find(fits);
      const shown = new Promise<string>((resolve) => {
        const check = (): void => {
          const line = found();
          if (line === undefined) return;
          waiting.delete(check);
          resolve(line);
        };
        waiting.add(check);
        check();
      });
      const over = ended.then((how) => {
        const line = found();
        if (line !== undefined) return line;
        throw new Error(`${program} ended with ${how} before the line came\n${out}\n${err}`);
      });
      return Promise.race([shown, over]);
    },
  };
}

/**
 * A moment between two acknowledgements on a line of 200 kB/s: four blocks take some 80 ms there, and each kill comes later in them than the one
 * before it. A kill right after an acknowledgement would find nothing under way, and prove little.
 */
export function betweenAcknowledgements(kill: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ((kill * 29) % 80) + 1);
  });
}
