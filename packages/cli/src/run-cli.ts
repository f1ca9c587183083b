/** One call of `smets1`, from its arguments to its exit code. */
import { ExitCode as StricliExit, run, type StricliProcess } from '@stricli/core';
import { app } from './app.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { toned } from './output/style.js';
import type { CliContext, Shell } from './shell.js';

export async function runCli(args: readonly string[], shell: Shell): Promise<ExitCode> {
  let complaint = '';
  const streams: StricliProcess = {
    stdout: { write: (text) => shell.stdout.write(text) },
    // Collected, since where it goes depends on what it is about, which only stricli's code tells.
    stderr: { write: (text) => void (complaint += text) },
    env: {},
  };
  const context: CliContext & { process: StricliProcess } = { process: streams, shell, finished: EXIT.done };
  await run(app, args, context);
  switch (streams.exitCode) {
    case StricliExit.Success:
      return context.finished;
    case StricliExit.UnknownCommand:
    case StricliExit.InvalidArgument:
      return sayUsage(args, shell, complaint.trim());
    default:
      shell.stderr.write(`${complaint.trim()}\n`);
      return EXIT.defect;
  }
}

function sayUsage(args: readonly string[], shell: Shell, complaint: string): ExitCode {
  const isJson = args.includes('--json');
  if (isJson) {
    const fields = { event: 'result', outcome: 'usage', exitCode: EXIT.usage, detail: complaint };
    shell.stdout.write(`${JSON.stringify(fields)}\n`);
  } else {
    shell.stderr.write(`${toned(shell.stderr, 'bad', 'smets1:')} ${complaint}\n`);
    shell.stderr.write(`        see smets1 ${[...routeOf(args), '--help'].join(' ')}\n`);
  }
  return EXIT.usage;
}

/** The leading words that are a route, so that the hint leads to the help of the command that was meant. */
function routeOf(args: readonly string[]): readonly string[] {
  const words: string[] = [];
  let target: typeof app.root = app.root;
  for (const word of args) {
    const next = 'getRoutingTargetForInput' in target ? target.getRoutingTargetForInput(word) : undefined;
    if (next === undefined) break;
    words.push(word);
    target = next;
  }
  return words;
}
