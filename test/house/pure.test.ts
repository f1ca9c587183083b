/**
 * Goal: what calls itself pure gives the same answer for the same arguments, in Node and in a browser.
 * Method: every name that a pure file does not declare itself is looked up among what Node and browsers add to the language;
 * and the compiler is asked which type libraries the pure projects see.
 */
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { checkPure, foreignTypes } from './rules/pure.js';
import { PURE, PURE_PROJECTS } from './tables.js';
import { isTest, isTypeScript, ROOT, sources } from './tree.js';

describe('the rule of pure folders', () => {
  const broken: readonly (readonly [string, string])[] = [
    ['the date', 'const a = Date.now();'],
    ['the date as a type', 'export interface A { readonly at: Date }'],
    ['a clock', 'const a = performance.now();'],
    ['the time of a locale', 'const a = new Intl.DateTimeFormat().format();'],
    ['Math.random', 'const a = Math.random();'],
    ['Math.random by another road', 'const { random } = Math;'],
    ['random octets', 'crypto.getRandomValues(new Uint8Array(4));'],
    ['a timer', 'setTimeout(() => {}, 1);'],
    ['a microtask', 'queueMicrotask(() => {});'],
    ['Buffer', 'const a = Buffer.alloc(1);'],
    ['the process', 'const a = process.env;'],
    ['the console', 'console.log(1);'],
    ['a text encoder', 'new TextEncoder();'],
    ['the global object', 'const a = globalThis;'],
    ['a shorthand of a global', 'const a = { process };'],
    ['a type of Node', 'let a: NodeJS.Timeout;'],
    ['a Node module', `import { readFileSync } from 'node:fs';`],
    ['a Node module, dynamically', `const a = await import('node:fs');`],
    ['where it was loaded from', 'const a = import.meta.url;'],
  ];

  it.each(broken)('refuses %s', (_, text) => {
    expect(checkPure({ path: 'protocol/src/a.ts', text })).toHaveLength(1);
  });

  it('lets the language through, and names of their own that only look like globals', () => {
    const text = `
      import { Buffer } from '#buffer';
      export interface A { readonly process: number; readonly Date?: string }
      export function f(crypto: { hash(): Uint8Array }, performance: number): number {
        const fetch = Math.max(performance, 1);
        return fetch + crypto.hash().length + Buffer.from('a').length;
      }
      export const g = (a: A): Map<string, bigint> => new Map([[a.Date ?? '', BigInt(a.process)]]);
    `;
    expect(checkPure({ path: 'protocol/src/a.ts', text })).toEqual([]);
  });

  it('lets a named adapter import Node, and use nothing else of it', () => {
    const text = `export { crc32 } from 'node:zlib';`;
    expect(checkPure({ path: 'protocol/src/layout/crc32.node.ts', text })).toEqual([]);
    expect(checkPure({ path: 'protocol/src/frame/crc32.node.ts', text })).toHaveLength(1);
    expect(checkPure({ path: 'protocol/src/layout/crc32.node.ts', text: 'process.exit();' })).toHaveLength(1);
  });

  it('notices a project that sees the types of Node', () => {
    expect(foreignTypes(programOf('protocol', { types: ['node'] }))).not.toEqual([]);
    expect(foreignTypes(programOf('protocol', { lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'] }))).not.toEqual([]);
  });
});

describe('the pure folders of this tree', () => {
  const pure = sources((path) => isTypeScript(path) && !isTest(path) && PURE.some((folder) => path.startsWith(folder)));

  it('use the language and nothing else', () => {
    expect(pure.flatMap(checkPure)).toEqual([]);
  });

  it.each(PURE_PROJECTS)('see no types but those of the language in %s', (folder) => {
    expect(foreignTypes(programOf(folder))).toEqual([]);
  });

  it('were found, so that an empty list cannot pass', () => {
    expect(pure.length).toBeGreaterThan(5);
  });
});

function programOf(folder: string, more: ts.CompilerOptions = {}): ts.Program {
  const path = join(ROOT, folder, 'tsconfig.json');
  const config: unknown = ts.readConfigFile(path, (name) => ts.sys.readFile(name)).config;
  const parsed = ts.parseJsonConfigFileContent(config, ts.sys, join(ROOT, folder), undefined, path);
  return ts.createProgram({
    rootNames: parsed.fileNames,
    options: { ...parsed.options, ...more },
    projectReferences: parsed.projectReferences ?? [],
  });
}
