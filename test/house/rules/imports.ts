/** Arrows point one way: imports, manifests and TypeScript references against the table. */
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import ts from 'typescript';
import { type Manifest, MAY_IMPORT, ONLY_IN, SCOPE, STRANGERS } from '../tables.js';
import { fault, isTest, nodes, parse, type Source, type Workspace } from '../tree.js';

export interface Import {
  /** Undefined when the specifier is computed. */
  readonly specifier: string | undefined;
  readonly node: ts.Node;
}

/** Static, type-only, dynamic and `require` imports, and re-exports. */
export function importsOf(file: ts.SourceFile): readonly Import[] {
  const found: Import[] = [];
  for (const node of nodes(file)) {
    const specifier = specifierOf(node);
    if (specifier !== undefined)
      found.push({ specifier: ts.isStringLiteralLike(specifier) ? specifier.text : undefined, node });
  }
  return found;
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument;
  if (!ts.isCallExpression(node)) return undefined;
  const { expression } = node;
  const isImport = expression.kind === ts.SyntaxKind.ImportKeyword;
  // Only of a literal: an ES module has no `require` of its own, but may well have a function of that name.
  const isRequire = ts.isIdentifier(expression) && expression.text === 'require';
  const [name] = node.arguments;
  return isImport || (isRequire && name !== undefined && ts.isStringLiteralLike(name)) ? name : undefined;
}

export function checkImports(source: Source, workspace: Workspace): readonly string[] {
  const file = parse(source);
  return importsOf(file).flatMap(({ specifier, node }) => {
    const why = specifier === undefined ? rejectComputed(source.path) : reject(source.path, specifier, workspace);
    return why === undefined ? [] : [fault(file, node, why)];
  });
}

function rejectComputed(path: string): string | undefined {
  return isTest(path) ? undefined : 'imports a computed name: no rule can see where it leads';
}

function reject(path: string, specifier: string, workspace: Workspace): string | undefined {
  if (specifier.startsWith('.')) return rejectRelative(path, specifier, workspace);
  const module = packageName(specifier);
  const home = ONLY_IN[module];
  if (home !== undefined && !path.startsWith(home) && !isTest(path) && workspace.name !== 'test')
    return `imports ${module}, which only ${home} may`;
  if (module.startsWith(SCOPE)) return rejectOurs(path, module.slice(SCOPE.length), workspace);
  if (specifier.startsWith('#') || isTest(path) || workspace.name === 'test') return undefined;
  if (namedBy(workspace.manifest).includes(module)) return undefined;
  if (specifier.startsWith('node:')) return undefined;
  if (builtinModules.includes(module)) return `imports ${specifier} without node: before it`;
  return `imports ${module}, which ${workspace.folder}/package.json does not depend on`;
}

function rejectRelative(path: string, specifier: string, workspace: Workspace): string | undefined {
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  const home = workspace.name === 'test' ? 'test/' : `${workspace.folder}/src/`;
  if (!target.startsWith(home)) return `imports ${specifier}, outside ${home}: another package is imported by its name`;
  if (isTest(target.replace(/\.js$/, '.ts')) && !isTest(path)) return `imports the test ${specifier}`;
  const strangers = STRANGERS.some(
    ([one, other]) =>
      (path.startsWith(one) && target.startsWith(other)) || (path.startsWith(other) && target.startsWith(one)),
  );
  return strangers ? `imports ${specifier}: the two rooms must not know each other` : undefined;
}

function rejectOurs(path: string, name: string, workspace: Workspace): string | undefined {
  if (name === workspace.name) return `imports its own package by name; use a relative path`;
  if (isTest(path)) return undefined;
  if (!mayImport(workspace.name, name))
    return `imports ${name}: an arrow that points up (${workspace.name} may import: ${allowed(workspace.name)})`;
  if (workspace.name === 'test' || namedBy(workspace.manifest).includes(SCOPE + name)) return undefined;
  return `imports ${name}, which ${workspace.folder}/package.json does not depend on`;
}

/** A manifest and its TypeScript references, given as folder names of packages. */
export function checkManifest(workspace: Workspace, references: readonly string[]): readonly string[] {
  const { folder, name, manifest } = workspace;
  if (MAY_IMPORT[name] === undefined) return [`${folder}: is not in the table of who may import whom`];
  const ours = namedBy(manifest).flatMap((module) => (module.startsWith(SCOPE) ? [module.slice(SCOPE.length)] : []));
  return [
    ...(manifest.name === SCOPE + name ? [] : [`${folder}: is called ${manifest.name}, not ${SCOPE}${name}`]),
    ...ours
      .filter((other) => !mayImport(name, other))
      .map((other) => `${folder}/package.json: depends on ${other}: an arrow that points up`),
    ...references
      .filter((other) => !mayImport(name, other))
      .map((other) => `${folder}/tsconfig.json: refers to ${other}: an arrow that points up`),
    ...ours
      .filter((other) => !references.includes(other))
      .map((other) => `${folder}/tsconfig.json: does not refer to ${other}, so a clean build may come too early`),
  ];
}

function mayImport(from: string, to: string): boolean {
  const list = MAY_IMPORT[from] ?? [];
  return MAY_IMPORT[to] !== undefined && from !== to && (list.includes('*') || list.includes(to));
}

function allowed(name: string): string {
  return MAY_IMPORT[name]?.join(', ') || 'none of ours';
}

function namedBy(manifest: Manifest): readonly string[] {
  // Development dependencies are for tests, which may look upwards; what ships may not.
  const { dependencies, optionalDependencies, peerDependencies } = manifest;
  return Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
}

function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!;
}
