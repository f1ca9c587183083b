/** Lines from the standard input, wherever that comes from; and none where there is nobody. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { FOREGROUND_LOOK_MS } from '../limits.js';

/** Lines to come. Nothing is read before `start`, and what cannot be read is the same as nothing. */
export interface LineInput {
  /** Whether somebody at a terminal waits to be asked. */
  readonly wantsPrompt: () => boolean;
  /** @param onLine - Called for each line, in order. @param onEnd - There will be no more. */
  start(onLine: (line: string) => void, onEnd: () => void): void;
  stop(): void;
}

/** Where nobody is. */
export const NO_INPUT: LineInput = { wantsPrompt: () => false, start: (_, onEnd) => onEnd(), stop: () => undefined };

/** The standard input of this process. */
export function processInput(): LineInput {
  let stop = (): void => undefined;
  return {
    wantsPrompt: () => process.stdin.isTTY && isInForeground(),
    start(onLine, onEnd) {
      const { stdin } = process;
      // Closed, not open for reading (nohup), or a terminal that has gone: nobody is there, and that is all.
      stdin.on('error', onEnd);
      const lines = createInterface({ input: stdin, terminal: false });
      // It says once more what went wrong with its input.
      lines.on('error', onEnd);
      lines.on('line', onLine);
      lines.on('close', onEnd);
      // A process in the background that reads its terminal is stopped by it. `fg` does not always say that it came back.
      const look = (): void => void (isInForeground() ? lines.resume() : lines.pause());
      const looking = stdin.isTTY ? setInterval(look, FOREGROUND_LOOK_MS).unref() : undefined;
      if (stdin.isTTY) process.on('SIGCONT', look);
      if (stdin.isTTY) look();
      stop = () => {
        clearInterval(looking);
        process.off('SIGCONT', look);
        lines.off('close', onEnd);
        lines.close();
        stdin.unref?.();
      };
    },
    stop: () => stop(),
  };
}

/** Whether the terminal listens to our process group; yes where the system does not tell. */
function isInForeground(): boolean {
  try {
    // proc(5): behind the name in parentheses come state, ppid, pgrp, session, tty_nr, tpgid.
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return fields[2] === fields[5];
  } catch {
    return true;
  }
}
