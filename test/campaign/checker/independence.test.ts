import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

describe('The checker', () => {
  it('imports nothing of this house but its own files', () => {
    const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.ts'));
    const imports = files.flatMap((name) =>
      [...readFileSync(join(import.meta.dirname, name), 'utf8').matchAll(/\bfrom '([^']+)'/gu)].map(
        ([, from]) => from!,
      ),
    );
    expect(imports.length).toBeGreaterThan(20);
    expect(imports.filter((from) => !/^(\.\/[a-z-]+(\.test-support)?\.js|node:[a-z]+|vitest)$/u.test(from))).toEqual(
      [],
    );
  });
});
