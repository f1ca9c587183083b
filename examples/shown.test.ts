/** Goal: the example that a README shows is the one that runs here, to the letter, and short enough to be read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const LINES_MAX = 30;
const ROOT = join(import.meta.dirname, '..');
const EXAMPLE = readFileSync(join(import.meta.dirname, 'power-cuts.test.ts'), 'utf8');

function blocksOf(path: string): readonly string[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return [...text.matchAll(/^```ts[^\n]*\n([\s\S]*?)^```$/gm)].map((match) => match[1]!);
}

it('the property with power cuts stands in a README as it is run', () => {
  const shown = ['README.md', 'packages/esme/README.md']
    .flatMap(blocksOf)
    .filter((block) => block.includes('an update survives power cuts'));
  expect(shown.length).toBeGreaterThan(0);
  for (const block of shown) expect(block).toBe(EXAMPLE);
});

it('has at most 30 lines', () => {
  expect(EXAMPLE.trimEnd().split('\n').length).toBeLessThanOrEqual(LINES_MAX);
});
