/** Nothing left undone, half-run or silenced; nothing of the machine it was written on; no room too large. */
import ts from 'typescript';
import { ROOM_LINES_MAX } from '../tables.js';
import { fault, nodes, parse, type Source } from '../tree.js';

// Bracketed letters: this file is held against its own rules.
const UNDONE = /\b(?:T[O]DO|F[I]XME|X[X]X|H[A]CK)\b/;
const SILENCED = /@ts-(?:[i]gnore|[n]ocheck)/;
const UNEXPLAINED = /(?:ox|es)[l]int-disable(?!.* -- )/;
const RUNNERS: ReadonlySet<string> = new Set(['it', 'test', 'describe', 'suite', 'bench']);
const HALVES: ReadonlySet<string> = new Set(['skip', 'only', 'todo', 'skipIf', 'runIf', 'fails']);
const OLD_HALVES: ReadonlySet<string> = new Set(['xit', 'xtest', 'xdescribe', 'fit', 'fdescribe']);

export function checkManners(source: Source): readonly string[] {
  const file = parse(source);
  const faults: string[] = [];
  for (const [index, line] of source.text.split('\n').entries()) {
    const at = `${source.path}:${index + 1}`;
    if (UNDONE.test(line))
      faults.push(`${at} leaves something to do: do it, or say in the README that it is not supported`);
    if (SILENCED.test(line)) faults.push(`${at} silences the compiler`);
    if (UNEXPLAINED.test(line)) faults.push(`${at} silences a lint rule without " -- why"`);
  }
  for (const node of nodes(file)) {
    if (node.kind === ts.SyntaxKind.AnyKeyword) faults.push(fault(file, node, 'uses any'));
    if (ts.isPropertyAccessExpression(node) && HALVES.has(node.name.text) && RUNNERS.has(firstName(node)))
      faults.push(fault(file, node, `runs only half of a suite: ${node.getText(file)}`));
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && OLD_HALVES.has(node.expression.text))
      faults.push(fault(file, node, `runs only half of a suite: ${node.expression.text}`));
  }
  return faults;
}

function firstName(node: ts.Expression): string {
  if (ts.isPropertyAccessExpression(node) || ts.isCallExpression(node)) return firstName(node.expression);
  return ts.isIdentifier(node) ? node.text : '';
}

export function checkSize(source: Source): readonly string[] {
  const lines = source.text.split('\n').length - 1;
  return lines > ROOM_LINES_MAX ? [`${source.path} has ${lines} lines; a room has at most ${ROOM_LINES_MAX}`] : [];
}

// Homes and mounts that exist on somebody's machine or build agent only. `/` must start a path: src/root/ is nobody's home.
const MACHINE = /(?<![\w.)}\]$*/-])(?:\/(?:home|root|Users|work|farm|workspace|builds|runner)\/|[A-Z]:\\Users\\)/;
const REGISTRY = /\bregistry\.(?!json)[a-z0-9-]+\.[a-z]{2,}/;

export function checkMachine(source: Source): readonly string[] {
  const faults: string[] = [];
  for (const [index, line] of source.text.split('\n').entries()) {
    const at = `${source.path}:${index + 1}`;
    if (MACHINE.test(line)) faults.push(`${at} names a path of one machine`);
    if (REGISTRY.test(line) || /^\s*registry\s*=/.test(line)) faults.push(`${at} names a package registry`);
    if (/"resolved":\s*"https?:/.test(line))
      faults.push(`${at} names where a package was downloaded (see omit-lockfile-registry-resolved in .npmrc)`);
  }
  return faults;
}
