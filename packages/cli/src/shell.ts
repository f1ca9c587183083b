/** What surrounds a command: streams, environment, folder, signals. Handed in, so that tests run commands in their own process. */
import { resolve } from 'node:path';
import type { CommandContext } from '@stricli/core';
import type { LineInput } from './console/input.js';
import { EXIT, type ExitCode } from './exit-codes.js';

/** One of the two output streams. */
export interface Terminal {
  write(text: string): void;
  readonly isTty: boolean;
  readonly columns: number;
  readonly color: boolean;
}

export interface Shell {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  /** The standard input. Nobody reads it who does not ask for it. */
  readonly input: () => Promise<LineInput>;
  readonly env: Readonly<Partial<Record<string, string>>>;
  /** Where relative paths begin: the folder in which npm was called, if it was npm. */
  readonly folder: string;
  readonly nowMs: () => number;
  /** Aborted by SIGINT or SIGTERM from the first call on; a second signal ends the process at once. */
  readonly interruption: () => AbortSignal;
}

/** What stricli hands to every command. */
export interface CliContext extends CommandContext {
  readonly shell: Shell;
  /** Set by the command that ran; stricli's own codes do not reach far enough. */
  finished: ExitCode;
}

/** The path that `path` names from where the user stands. */
export function pathFrom(shell: Shell, path: string): string {
  return resolve(shell.folder, path);
}

/** The shell of a real process. */
export function processShell(): Shell {
  return {
    stdout: terminalOf(process.stdout),
    stderr: terminalOf(process.stderr),
    input: async () => (await import('./console/input.js')).processInput(),
    env: process.env,
    folder: process.env['INIT_CWD'] ?? process.cwd(),
    nowMs: () => performance.now(),
    interruption: onceInterrupted,
  };
}

function terminalOf(stream: NodeJS.WriteStream): Terminal {
  let isBroken = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that went away (`| head`) changes nothing about what the command does; a report that could not be kept does.
    if (error.code !== 'EPIPE' && !isBroken) process.on('exit', reportLost);
    isBroken = true;
  });
  return {
    write: (text) => {
      if (!isBroken) stream.write(text);
    },
    isTty: stream.isTTY,
    get columns() {
      // Some terminals say 0 when they do not know.
      return stream.columns > 0 ? stream.columns : COLUMNS_ASSUMED;
    },
    color: stream.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
  };
}

const COLUMNS_ASSUMED = 80;

function reportLost(): void {
  if (process.exitCode === undefined || process.exitCode === EXIT.done) process.exitCode = EXIT.storage;
}

let interrupted: AbortController | undefined;

function onceInterrupted(): AbortSignal {
  if (interrupted === undefined) {
    const controller = (interrupted = new AbortController());
    const listen = (signal: NodeJS.Signals): void => {
      process.once(signal, () => controller.abort(signal));
    };
    listen('SIGINT');
    listen('SIGTERM');
  }
  return interrupted.signal;
}

/** Resolves once the user wants the command to stop. Call it early: before, a signal ends the process as it stands. */
export async function untilInterrupted(shell: Shell): Promise<void> {
  const signal = shell.interruption();
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
