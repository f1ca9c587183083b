/** Pure folders use the language and nothing else: no clock, no randomness, no timers, no Node, no browser. */
import ts from 'typescript';
import { PURE_ADAPTER } from '../tables.js';
import { fault, nodes, type Source } from '../tree.js';
import { importsOf } from './imports.js';

// What ECMAScript itself gives and what always answers the same. Date, Intl, WeakRef, Atomics, eval are left out on purpose.
const LANGUAGE: ReadonlySet<string> = new Set(
  (
    'AggregateError Array ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean DataView Error EvalError Float32Array ' +
    'Float64Array Infinity Int16Array Int32Array Int8Array Iterator JSON Map Math NaN Number Object Promise Proxy RangeError ' +
    'ReferenceError Reflect RegExp Set String Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array ' +
    'Uint8ClampedArray WeakMap WeakSet decodeURI decodeURIComponent encodeURI encodeURIComponent isFinite isNaN parseFloat ' +
    'parseInt undefined'
  ).split(' '),
);

const FOREIGN: ReadonlySet<string> = new Set([
  ...Object.getOwnPropertyNames(globalThis).filter((name) => !LANGUAGE.has(name)),
  // Of module scope, of newer releases, of browsers, and the namespace of Node's types.
  ...'require module exports __dirname __filename NodeJS Bun Deno window document self navigator location'.split(' '),
  ...'localStorage sessionStorage indexedDB XMLHttpRequest WebSocket EventSource Worker requestAnimationFrame alert'.split(
    ' ',
  ),
]);

export function checkPure(source: Source): readonly string[] {
  const { file, checker } = bind(source);
  const faults: string[] = [];
  for (const { specifier, node } of importsOf(file)) {
    // Without `node:` it is caught by the import rule, since `buffer` is also the name of a package.
    if (specifier?.startsWith('node:') === true && !PURE_ADAPTER.test(source.path))
      faults.push(fault(file, node, `imports ${specifier} in a pure folder`));
  }
  for (const node of nodes(file)) {
    if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword)
      faults.push(fault(file, node, 'uses import.meta in a pure folder'));
    if (!ts.isIdentifier(node) || !isReference(node)) continue;
    if (FOREIGN.has(node.text) && !isDeclared(node, checker))
      faults.push(fault(file, node, `uses ${node.text} in a pure folder`));
    if (node.text === 'Math' && !isDeclared(node, checker) && !isCertainMath(node.parent))
      faults.push(fault(file, node, 'uses Math.random, or Math in a way that may reach it, in a pure folder'));
  }
  return faults;
}

// The file alone, without libraries and without what it imports: a name the checker cannot resolve here is a global.
function bind(source: Source): { readonly file: ts.SourceFile; readonly checker: ts.TypeChecker } {
  const file = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.ES2023, true);
  const host: ts.CompilerHost = {
    getSourceFile: (name) => (name === source.path ? file : undefined),
    fileExists: (name) => name === source.path,
    readFile: () => undefined,
    writeFile: () => undefined,
    getDefaultLibFileName: () => 'none',
    getCurrentDirectory: () => '',
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
  };
  const options: ts.CompilerOptions = {
    noLib: true,
    noResolve: true,
    types: [],
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
  };
  return { file, checker: ts.createProgram([source.path], options, host).getTypeChecker() };
}

function isDeclared(node: ts.Identifier, checker: ts.TypeChecker): boolean {
  const symbol = ts.isShorthandPropertyAssignment(node.parent)
    ? checker.getShorthandAssignmentValueSymbol(node.parent)
    : checker.getSymbolAtLocation(node);
  return (symbol?.declarations?.length ?? 0) > 0;
}

function isCertainMath(parent: ts.Node): boolean {
  return ts.isPropertyAccessExpression(parent) && parent.name.text !== 'random';
}

// False for names of properties, labels and import or export lists: they name something of their own, not a global.
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name !== node;
  if (ts.isQualifiedName(parent)) return parent.right !== node;
  if (ts.isBindingElement(parent)) return parent.propertyName !== node;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent) || ts.isMetaProperty(parent)) return false;
  if (ts.isLabeledStatement(parent) || ts.isBreakOrContinueStatement(parent) || ts.isNamedTupleMember(parent))
    return false;
  const isMember =
    ts.isPropertyAssignment(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isAccessor(parent) ||
    ts.isImportAttribute(parent);
  return !isMember || parent.name !== node;
}

/** The files among a program's sources that give a pure folder the types of Node or of a browser. */
export function foreignTypes(program: ts.Program): readonly string[] {
  return program
    .getSourceFiles()
    .map((file) => file.fileName)
    .filter((name) => /\/@types\/|\/lib\.(dom|webworker|scripthost)[^/]*\.d\.ts$/.test(name));
}
