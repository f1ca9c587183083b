import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { child } from '../support/child.js';

interface Said {
  readonly code: number | NodeJS.Signals;
  readonly lines: readonly string[];
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitest-report-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const test = (fullName: string, status: string, ...failureMessages: string[]) => ({
  fullName,
  status,
  failureMessages,
});
const suite = (name: string, ...assertionResults: readonly ReturnType<typeof test>[]) => ({
  name: join(process.cwd(), name),
  status: assertionResults.length > 0 && assertionResults.every((one) => one.status === 'passed') ? 'passed' : 'failed',
  message: 'SyntaxError: it is not TypeScript',
  assertionResults,
});

/** What the command says of a report with these suites. */
const say = async (suites: readonly ReturnType<typeof suite>[]): Promise<Said> => {
  const tests = suites.flatMap(({ assertionResults }) => assertionResults);
  const file = join(folder, 'report.json');
  const report = {
    numTotalTests: tests.length,
    numPassedTests: tests.filter(({ status }) => status === 'passed').length,
    numFailedTests: tests.filter(({ status }) => status === 'failed').length,
    testResults: suites,
  };
  await writeFile(file, JSON.stringify(report));
  return reportOn(file);
};

const reportOn = async (file: string): Promise<Said> => {
  const run = child(process.execPath, ['scripts/vitest-report.mjs', file]);
  return { code: await run.ended, lines: run.stdout().trimEnd().split('\n') };
};

describe('the report of the tests', () => {
  it('names each failed test with its seed and counterexample, without the stack', async () => {
    const message =
      'Error: Property failed after 3 tests\n{ seed: 5, path: "2" }\n    at somewhere\nCounterexample: [1]';
    const { code, lines } = await say([
      suite('a.test.ts', test('x holds', 'failed', message), test('y holds', 'passed')),
      suite('b.test.ts', test('z holds', 'passed')),
    ]);
    expect(lines).toEqual([
      '  a.test.ts | x holds: failed',
      '    Error: Property failed after 3 tests',
      '    { seed: 5, path: "2" }',
      '    Counterexample: [1]',
      '2 passed, 1 failed',
    ]);
    expect(code).toBe(1);
  });

  it('counts a skipped test and a file that did not load as failed', async () => {
    const { code, lines } = await say([
      suite('a.test.ts', test('x', 'passed'), test('y', 'pending')),
      suite('b.test.ts'),
    ]);
    expect(lines).toEqual([
      '  a.test.ts | y: pending',
      '  b.test.ts did not load',
      '    SyntaxError: it is not TypeScript',
      '1 passed, 2 failed',
    ]);
    expect(code).toBe(1);
  });

  it('says so when there is nothing to read', async () => {
    expect(await reportOn(join(folder, 'none.json'))).toEqual({
      code: 1,
      lines: ['vitest wrote no report', '0 passed, 1 failed'],
    });
  });

  it('ends with 0 when all passed, and only then', async () => {
    expect(await say([suite('a.test.ts', test('x', 'passed'))])).toEqual({ code: 0, lines: ['1 passed, 0 failed'] });
    expect(await say([])).toEqual({ code: 1, lines: ['0 passed, 0 failed'] });
  });
});
