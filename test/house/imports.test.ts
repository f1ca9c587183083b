/**
 * Goal: no import, dependency or TypeScript reference points against the table of who may import whom.
 * Method: every import of every file, read by the TypeScript parser; each refusal is seen once on a snippet that breaks it.
 */
import { describe, expect, it } from 'vitest';
import { checkImports, checkManifest, importsOf } from './rules/imports.js';
import { MAY_IMPORT, SCOPE } from './tables.js';
import { isInSrc, isTypeScript, parse, readJson, sources, type Workspace, workspaces } from './tree.js';

function workspace(folder: string, dependencies: readonly string[] = []): Workspace {
  const name = folder.slice(folder.lastIndexOf('/') + 1);
  return {
    folder,
    name,
    manifest: { name: SCOPE + name, dependencies: Object.fromEntries(dependencies.map((module) => [module, '1'])) },
  };
}

describe('the import rule', () => {
  const emulator = workspace('emulator', ['@smets1/protocol', '@smets1/hardware']);
  const dco = workspace('packages/dco', ['@smets1/protocol']);
  const broken: readonly (readonly [string, Workspace, string, string])[] = [
    ['an arrow that points up', emulator, 'emulator/src/a.ts', `import { dial } from '@smets1/hardware';`],
    [
      'a type-only arrow that points up',
      emulator,
      'emulator/src/a.ts',
      `import type { Link } from '@smets1/hardware';`,
    ],
    ['a re-export', emulator, 'emulator/src/a.ts', `export * from '@smets1/hardware';`],
    ['an inline import type', emulator, 'emulator/src/a.ts', `let a: import('@smets1/hardware').Link;`],
    ['a dynamic import', emulator, 'emulator/src/a.ts', `const a = await import('@smets1/hardware');`],
    ['a computed import', emulator, 'emulator/src/a.ts', 'const a = await import(name);'],
    ['a require', emulator, 'emulator/src/a.ts', `import a = require('@smets1/hardware');`],
    ['a package that nobody knows', emulator, 'emulator/src/a.ts', `import '@smets1/none';`],
    ['one of ours that the manifest does not name', dco, 'packages/dco/src/a.ts', `import '@smets1/journal';`],
    ['a foreign package that the manifest does not name', dco, 'packages/dco/src/a.ts', `import 'valibot';`],
    ['a Node module without node:', dco, 'packages/dco/src/a.ts', `import 'fs/promises';`],
    ['a path into another package', dco, 'packages/dco/src/a.ts', `import '../../../protocol/src/frame.js';`],
    ['a path out of src', dco, 'packages/dco/src/a.ts', `import '../dist/a.js';`],
    ['its own package by name', dco, 'packages/dco/src/a.ts', `import '@smets1/dco';`],
    ['a test', dco, 'packages/dco/src/a.ts', `import './b.test.js';`],
    ['a room that must stay a stranger', dco, 'packages/dco/src/s1sp/a.ts', `import '../control/b.js';`],
    ['a room that must stay a stranger, the other way', dco, 'packages/dco/src/control/a.ts', `import '../s1sp/b.js';`],
    ['a module that another room wraps', workspace('packages/dco', ['ws']), 'packages/dco/src/a.ts', `import 'ws';`],
  ];

  it.each(broken)('refuses %s', (_, from, path, text) => {
    expect(checkImports({ path, text }, from)).toEqual([expect.stringContaining(`${path}:1 imports`)]);
  });

  it('lets through what the table allows', () => {
    const text = `import { a } from '@smets1/protocol'; import './b.js'; import { readFile } from 'node:fs/promises';`;
    expect(checkImports({ path: 'packages/dco/src/a.ts', text }, dco)).toEqual([]);
  });

  it('lets a test import more', () => {
    const text = `import '@smets1/hardware'; import { it } from 'vitest'; import fc from 'fast-check'; await import(name);`;
    expect(checkImports({ path: 'emulator/src/a.test.ts', text }, emulator)).toEqual([]);
  });

  it('refuses a manifest or a reference that points up, and a dependency that the build does not know', () => {
    expect(checkManifest(emulator, ['protocol', 'host'])).toEqual([
      'emulator/package.json: depends on hardware: an arrow that points up',
      'emulator/tsconfig.json: refers to host: an arrow that points up',
      'emulator/tsconfig.json: does not refer to hardware, so a clean build may come too early',
    ]);
  });

  it('refuses a workspace that is not in the table', () => {
    expect(checkManifest(workspace('packages/newcomer'), [])).toHaveLength(1);
  });

  it('has no circle in its table', () => {
    const reaches = (from: string, to: string, seen: ReadonlySet<string> = new Set()): boolean =>
      !seen.has(from) &&
      (MAY_IMPORT[from] ?? []).some((next) => next === to || reaches(next, to, new Set([...seen, from])));
    expect(Object.keys(MAY_IMPORT).filter((name) => reaches(name, name))).toEqual([]);
  });
});

describe('the imports of this tree', () => {
  const all = workspaces();

  it.each(all.map((one) => [one.folder, one] as const))('point one way in %s', (folder, one) => {
    const own = sources(
      (path) => isTypeScript(path) && path.startsWith(`${folder}/`) && (isInSrc(path) || one.name === 'test'),
    );
    expect(own.flatMap((source) => checkImports(source, one))).toEqual([]);
  });

  it.each(all.map((one) => [one.folder, one] as const))('are declared one way in the manifest of %s', (folder, one) => {
    interface Project {
      readonly references?: readonly { readonly path: string }[];
    }
    const references = ((readJson(`${folder}/tsconfig.json`) as Project).references ?? []).map(({ path }) =>
      path.split('/').at(-1)!,
    );
    expect(checkManifest(one, references)).toEqual([]);
  });

  it('were looked for in every package, so that an empty tree cannot pass', () => {
    expect(all.length).toBeGreaterThanOrEqual(9);
    const found = sources((path) => isTypeScript(path) && path.startsWith('protocol/src/')).flatMap((source) =>
      importsOf(parse(source)),
    );
    expect(found.length).toBeGreaterThan(5);
  });
});
