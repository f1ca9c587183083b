/** The console of a bench: one command a line, from a terminal or a pipe. */
import { writeOutput } from '../files/output-file.js';
import { readInput } from '../files/input-file.js';
import { CliError } from '../errors.js';
import { EmulatorError } from '@smets1/emulator';
import { LinkError } from '@smets1/hardware';
import { CONSOLE_LINE_CHARS_MAX, CONTROL_BODY_BYTES_MAX } from '../limits.js';
import { COMMANDS, runBenchCommand, type BenchCommand } from '../control/commands.js';
import { readFaultScript } from '../control/script.js';
import type { Bench } from '../meter/bench.js';
import type { Job } from '../run-command.js';
import { pathFrom } from '../shell.js';

/** Words that are another way to say a command of the table. */
const ALSO: Readonly<Record<string, string>> = {
  cut: 'power',
  rot: 'faults',
  stick: 'faults',
  break: 'faults',
  advance: 'clock',
};

export interface Console {
  /** Lets something be printed in the middle of the prompt. */
  around(print: () => void): void;
  close(): void;
}

export interface ConsoleHooks {
  readonly onQuit: () => void;
  /** A defect of ours. */
  readonly onFailure: (error: unknown) => void;
}

/** Reads lines as long as there are any. When they end, the bench goes on. */
export async function openConsole(job: Job, bench: Bench, { onQuit, onFailure }: ConsoleHooks): Promise<Console> {
  const input = await job.shell.input();
  const { stdout } = job.shell;
  let isOpen = stdout.isTty && !job.report.isJson;
  const prompt = (): void => {
    if (isOpen && input.wantsPrompt()) stdout.write(PROMPT);
  };
  input.start(
    (line) => {
      bench
        .inTurn(async () => await runLine(job, bench, line))
        .then((end) => (end === 'quit' ? onQuit() : prompt()), onFailure);
    },
    () => {
      isOpen = false;
    },
  );
  prompt();
  return {
    around(print) {
      if (isOpen && input.wantsPrompt()) stdout.write(CLEAR_LINE);
      print();
      prompt();
    },
    close() {
      isOpen = false;
      input.stop();
    },
  };
}

const PROMPT = 'smets1> ';
const CLEAR_LINE = '\r\u001b[K';

type LineEnd = 'go-on' | 'quit';

/** What a line did is told as an event `answer`; what was wrong with it, as `refused`. Never throws for what is in the line. */
async function runLine(job: Job, bench: Bench, line: string): Promise<LineEnd> {
  const text = line.trim();
  if (text === '' || text.startsWith('#')) return 'go-on';
  if (text === 'quit' || text === 'exit') return 'quit';
  try {
    if (text.length > CONSOLE_LINE_CHARS_MAX) throw new CliError('usage', 'the line is too long');
    if (text === 'help') job.report.event('answer', { command: 'help', usage: usageLines() }, helpText());
    else await runCommandLine(job, bench, text);
  } catch (error) {
    const isKnown = error instanceof CliError || error instanceof EmulatorError || error instanceof LinkError;
    if (!isKnown) throw error;
    job.report.event('refused', { line: text, code: error.code, detail: error.message }, `? ${error.message}`);
  }
  return 'go-on';
}

async function runCommandLine(job: Job, bench: Bench, text: string): Promise<void> {
  const [, meter, rest = ''] = /^(?:([a-z0-9-]+):)?\s*(.*)$/s.exec(text) ?? [];
  const [name = '', ...words] = rest.split(/\s+/);
  const row = COMMANDS.find((one) => one.name === (ALSO[name] ?? name));
  if (row === undefined) throw new CliError('usage', `"${name}" is no command here; help lists them`);
  const target = { bench, station: bench.station(meter) };
  const { input, output } = inputOf(job, row, name, words);
  const answer = await runBenchCommand(row, target, input);
  if (output !== undefined && answer instanceof Uint8Array) writeOutput(output, answer, { force: false });
  const fields = answer instanceof Uint8Array ? { bytes: answer.length, file: output } : { answer };
  job.report.event('answer', { command: row.name, ...fields }, row.show(answer));
}

interface Asked {
  readonly input: unknown;
  readonly output?: string;
}

function inputOf(job: Job, row: BenchCommand, name: string, words: readonly string[]): Asked {
  // A script is a file, for whoever sits at the console; its faults are those of the command.
  if (name === 'faults' && words[0]?.endsWith('.json') === true && words.length === 1) {
    return { input: { faults: readFaultScript(pathFrom(job.shell, words[0])) } };
  }
  if (row.file === undefined) return { input: row.words(words, name) };
  const [file, ...more] = words;
  if (file === undefined) throw new CliError('usage', `a file is wanted: ${row.usage.join(', ')}`);
  const input = row.words(more, name);
  const path = pathFrom(job.shell, file);
  return row.file === 'input'
    ? { input: readInput(path, 'the snapshot', CONTROL_BODY_BYTES_MAX) }
    : { input, output: path };
}

function usageLines(): readonly string[] {
  return COMMANDS.flatMap(({ usage }) => usage);
}

function helpText(): string {
  return [
    ...COMMANDS.map(({ brief, usage }) => [brief, ...usage.map((one) => `    ${one}`)].join('\n')),
    'end the bench, in order\n    quit',
    'MASK and VALUE are octets, as in 0x01. A line that begins with fork-1: asks that fork.',
  ].join('\n');
}
