/** Reads the checkout: workspaces, manifests and files as plain data, so that each rule is a function of text. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import type { Manifest } from './tables.js';

export interface Source {
  /** From the root of the checkout, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Workspace {
  /** `protocol`, `packages/dco`. */
  readonly folder: string;
  /** The name without its scope: `dco`. */
  readonly name: string;
  readonly manifest: Manifest;
}

export const ROOT: string = resolve(import.meta.dirname, '../..');

export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** What a JSON file holds; the caller says of what shape. */
export function readJson(path: string): unknown {
  return JSON.parse(read(path));
}

export function workspaces(): readonly Workspace[] {
  const patterns = (readJson('package.json') as { readonly workspaces: readonly string[] }).workspaces;
  const folders = patterns.flatMap((pattern) => {
    if (!pattern.endsWith('/*')) return [pattern];
    const parent = pattern.slice(0, -2);
    return readdirSync(join(ROOT, parent)).map((child) => `${parent}/${child}`);
  });
  return folders
    .filter((folder) => existsSync(join(ROOT, folder, 'package.json')))
    .map((folder) => ({
      folder,
      name: folder.slice(folder.lastIndexOf('/') + 1),
      manifest: readJson(`${folder}/package.json`) as Manifest,
    }));
}

/** Every file of the checkout that `.gitignore` does not name. Walks the tree, so it needs no git and sees files not yet added. */
function files(folder = ''): readonly string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.name === '.git' || isIgnored(entry.name)) return [];
    if (entry.isDirectory()) return files(path);
    return entry.isFile() ? [path] : [];
  });
}

const IGNORED: readonly string[] = read('.gitignore')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

// Only the three shapes that .gitignore has: `name/`, `*.ending`, `name`.
function isIgnored(name: string): boolean {
  return IGNORED.some((pattern) =>
    pattern.startsWith('*') ? name.endsWith(pattern.slice(1)) : name === pattern.replace(/\/$/, ''),
  );
}

export function sources(accept: (path: string) => boolean): readonly Source[] {
  return files()
    .filter(accept)
    .map((path) => ({ path, text: read(path) }));
}

export const isTypeScript = (path: string): boolean => /\.[cm]?tsx?$/.test(path);
export const isTest = (path: string): boolean => /\.(test|bench|conformance|test-support)\.ts$/.test(path);
export const isInSrc = (path: string): boolean => /^(protocol|hardware|emulator|packages\/[^/]+)\/src\//.test(path);

export function parse(source: Source): ts.SourceFile {
  return ts.createSourceFile(source.path, source.text, ts.ScriptTarget.ES2023, true);
}

/** Every node, in reading order; comments and doc comments are not nodes. */
export function* nodes(root: ts.Node): Generator<ts.Node> {
  yield root;
  const children: ts.Node[] = [];
  root.forEachChild((child) => void children.push(child));
  for (const child of children) yield* nodes(child);
}

/** `path:line what`, which terminals make a link of. */
export function fault(file: ts.SourceFile, node: ts.Node, what: string): string {
  const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
  return `${file.fileName}:${line + 1} ${what}`;
}
