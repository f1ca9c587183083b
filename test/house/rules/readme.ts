/** A README's example is code: extracted, type-checked, run. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT, type Source } from '../tree.js';

const HEADING = '## In five lines';

export interface Example {
  /** The language and what follows it on the fence: `ts run`. */
  readonly info: string;
  readonly code: string;
}

/** The fenced blocks under a heading, up to the next heading of the same level. */
export function examplesOf(readme: string, heading: string = HEADING): readonly Example[] {
  const start = readme.indexOf(`\n${heading}\n`);
  if (start < 0) return [];
  const rest = readme.slice(start + heading.length + 2);
  const end = rest.search(/^## /m);
  const section = end < 0 ? rest : rest.slice(0, end);
  return [...section.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map((match) => ({
    info: match[1]!.trim(),
    code: match[2]!,
  }));
}

export function checkReadme(source: Source): readonly string[] {
  const examples = examplesOf(source.text);
  if (examples.length === 0) return [`${source.path}: has no example under "${HEADING}"`];
  const isRun = examples.some(({ info }) => info === 'ts run' || info === 'sh');
  return isRun
    ? []
    : [`${source.path}: no example under "${HEADING}" is marked "ts run" (run as a test) or "sh" (a command line)`];
}

/** What is wrong with an example that says it runs; `name` labels the files it leaves in .cache. */
export function runExample(name: string, code: string): readonly string[] {
  const folder = join(ROOT, '.cache/readme');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.mts`);
  writeFileSync(file, code);
  const parsed = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config,
    ts.sys,
    ROOT,
    // Declarations are nobody's business in an example; the rest is as strict as the house.
    {
      types: ['node'],
      composite: false,
      declaration: false,
      isolatedDeclarations: false,
      sourceMap: false,
      noEmit: false,
    },
  );
  const program = ts.createProgram([file], parsed.options);
  const emitted = program.emit();
  const diagnostics = [...ts.getPreEmitDiagnostics(program), ...emitted.diagnostics];
  if (diagnostics.length > 0)
    return diagnostics.map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
  const run = spawnSync(process.execPath, [file.replace(/\.mts$/, '.mjs')], { encoding: 'utf8', timeout: 20_000 });
  return run.status === 0 ? [] : [`ended with ${run.signal ?? run.status}: ${run.stderr}`];
}
