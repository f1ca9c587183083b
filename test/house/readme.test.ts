/** Goal: what a README shows works when it is typed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkReadme, examplesOf, runExample } from './rules/readme.js';
import { read, ROOT, workspaces } from './tree.js';

const FENCE = '```';
const readme = (info: string, code: string): string =>
  `# a\n\n## In five lines\n\n${FENCE}${info}\n${code}\n${FENCE}\n\n## Supported, and not\n`;

describe('the rule of examples', () => {
  it('refuses a README without an example, and one whose example nobody runs', () => {
    expect(checkReadme({ path: 'README.md', text: '# a\n' })).toHaveLength(1);
    expect(checkReadme({ path: 'README.md', text: readme('ts', 'f();') })).toHaveLength(1);
    expect(checkReadme({ path: 'README.md', text: readme('ts run', 'f();') })).toEqual([]);
  });

  it('takes the blocks under its heading only', () => {
    const text = `${readme('ts run', 'a();')}\n${FENCE}ts run\nb();\n${FENCE}\n`;
    expect(examplesOf(text)).toEqual([{ info: 'ts run', code: 'a();\n' }]);
  });

  it('refuses an example that does not compile, and one that throws', () => {
    expect(runExample('fixture-type', `const a: number = 'a';`)).toEqual([expect.stringContaining('not assignable')]);
    expect(runExample('fixture-throw', `throw new Error('thrown by the example');`)).toEqual([
      expect.stringContaining('thrown by the example'),
    ]);
  });

  it('lets an example through that compiles and ends well', () => {
    expect(runExample('fixture-good', `import process from 'node:process';\nprocess.exitCode = 0;`)).toEqual([]);
  });
});

describe('the READMEs of this tree', () => {
  it.each(workspaces().map(({ folder }) => folder))('show in %s an example that runs', (folder) => {
    const path = `${folder}/README.md`;
    expect(existsSync(join(ROOT, path)), `${path} exists`).toBe(true);
    const text = read(path);
    expect(checkReadme({ path, text })).toEqual([]);
    const runnable = examplesOf(text).filter(({ info }) => info === 'ts run');
    const faults = runnable.flatMap(({ code }, index) => runExample(`${folder.replaceAll('/', '-')}-${index}`, code));
    expect(faults).toEqual([]);
  });

  it('give at the root the two commands, and the checkout is tested with the very same', () => {
    const text = read('README.md');
    const command = /^readonly TEST_COMMAND='(.*)'$/m.exec(read('.ci/run'))?.[1];
    expect(command).toBe('npm ci --ignore-scripts && npm test');
    expect(text).toContain(command);
    expect(text).toContain('npm ci --ignore-scripts && npm start');
  });
});
