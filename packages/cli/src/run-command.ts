/** Runs one command: reports what it says, turns whatever it throws into a cause, a way out and an exit code. */
import { CLI_EXIT, EXIT, outcomeNameOf, type ExitCode } from './exit-codes.js';
import { CliError } from './errors.js';
import { jsonReporter, textReporter, type JsonFields, type Reporter } from './output/reporter.js';
import type { Shell } from './shell.js';

/** What a command is given beside its options. */
export interface Job {
  readonly shell: Shell;
  readonly report: Reporter;
}

/** How a command ended. */
export type Finish =
  | { readonly ok: true; readonly outcome?: string; readonly fields?: JsonFields; readonly text: string }
  | {
      readonly ok: false;
      readonly exitCode: ExitCode;
      readonly outcome?: string;
      readonly fields?: JsonFields;
      readonly cause: string;
      readonly wayOut?: string;
    };

export interface CommonFlags {
  readonly json: boolean;
}

export type Work<FLAGS, ARGS extends readonly unknown[]> = (
  job: Job,
  flags: FLAGS,
  ...args: ARGS
) => Finish | Promise<Finish>;

/** Runs `work` to its end, says what came of it, and gives the exit code. Never throws for what the work throws. */
export async function runCommand(
  shell: Shell,
  isJson: boolean,
  work: (job: Job) => Finish | Promise<Finish>,
): Promise<ExitCode> {
  const report = isJson ? jsonReporter(shell) : textReporter(shell);
  const finish = await attempt(shell, async () => await work({ shell, report }));
  const exitCode = finish.ok ? EXIT.done : finish.exitCode;
  const fields = { outcome: finish.outcome ?? outcomeNameOf(exitCode), exitCode, ...finish.fields };
  if (finish.ok) report.result(fields, finish.text);
  else report.failure(fields, finish.cause, finish.wayOut);
  return exitCode;
}

/** A bad end for something found wrong, with the fields that say what. */
export function failed(exitCode: ExitCode, cause: string, more: Partial<Extract<Finish, { ok: false }>> = {}): Finish {
  return { ok: false, exitCode, cause, ...more };
}

async function attempt(shell: Shell, work: () => Promise<Finish>): Promise<Finish> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CliError) return failed(CLI_EXIT[error.code], error.message, { fields: { code: error.code } });
    // Loaded only now: it knows the errors of every package, and so loads them all.
    const { explain } = await import('./explain.js');
    const finish = explain(error);
    if (!finish.ok && finish.exitCode === EXIT.defect) sayDefect(shell, error);
    return finish;
  }
}

/** The stack helps whoever mends the defect, and nobody else. */
function sayDefect(shell: Shell, error: unknown): void {
  if (shell.env['SMETS1_DEBUG'] !== '1') return;
  shell.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}
