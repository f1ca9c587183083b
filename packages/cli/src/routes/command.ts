/** One command of the tree: its options and help are here at once, what it does is loaded when it runs. */
import { buildCommand, type Command, type CommandBuilderArguments } from '@stricli/core';
import { runCommand, type CommonFlags, type Work } from '../run-command.js';
import type { CliContext } from '../shell.js';

type Built<FLAGS extends Readonly<Partial<Record<keyof FLAGS, unknown>>>, ARGS extends readonly unknown[]> = Pick<
  CommandBuilderArguments<FLAGS, ARGS, CliContext>,
  'parameters' | 'docs'
>;

/** @param load - Imports the module of the command: `--help` and the other commands never pay for it. */
export function command<
  FLAGS extends CommonFlags & Readonly<Partial<Record<keyof FLAGS, unknown>>>,
  ARGS extends readonly unknown[],
>(load: () => Promise<Work<FLAGS, ARGS>>, { parameters, docs }: NoInfer<Built<FLAGS, ARGS>>): Command<CliContext> {
  return buildCommand<FLAGS, ARGS, CliContext>({
    loader: async () => {
      const work = await load();
      return async function run(this: CliContext, flags: FLAGS, ...args: ARGS): Promise<void> {
        this.finished = await runCommand(this.shell, flags.json, async (job) => await work(job, flags, ...args));
      };
    },
    parameters,
    docs,
  });
}
