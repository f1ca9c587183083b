/** Goal: no mutant survives without a word. Method: reports as Stryker writes them, judged against lists of survivors. */
import { describe, expect, it } from 'vitest';
import { judge, placesOfSurvivors, withKilled, type Report } from './judge.js';

const FILE = 'a.ts';
const report = (status: string): Report => ({
  files: {
    [FILE]: {
      source: 'const x = 1;\n  if (a < b) go();\n',
      mutants: [
        {
          mutatorName: 'EqualityOperator',
          replacement: 'a <= b',
          status,
          location: { start: { line: 2, column: 7 }, end: { line: 2, column: 12 } },
        },
      ],
    },
  },
});
const survivor = {
  file: FILE,
  line: 'if (a < b) go();',
  original: 'a < b',
  replacement: 'a <= b',
  reason: 'a and b are never equal here',
};

describe('a report of mutants', () => {
  it('is content when all are killed, by an assertion or by time', () => {
    for (const status of ['Killed', 'Timeout']) {
      expect(judge(report(status), [])).toEqual({
        scores: [{ file: FILE, killed: 1, excused: 0, words: 0, open: 0, all: 1 }],
        complaints: [],
      });
    }
  });

  it('complains of each survivor that is not listed, by what it changes', () => {
    for (const status of ['Survived', 'NoCoverage']) {
      const { complaints } = judge(report(status), []);
      expect(complaints).toHaveLength(1);
      expect(complaints[0]).toContain('a <= b');
    }
  });

  it('lets one pass that is listed with a reason, wherever its line has moved to', () => {
    const { complaints, scores } = judge(report('Survived'), [survivor]);
    expect(complaints).toEqual([]);
    expect(scores[0]?.excused).toBe(1);
  });

  it('does not hold the words of a message against the tests, and its codes it does', () => {
    const mutants = ["'a message for people'", "'badCrc'"].map((original) => ({
      source: `${original}\n`,
      mutants: [
        {
          mutatorName: 'StringLiteral',
          replacement: '""',
          status: 'Survived',
          location: { start: { line: 1, column: 1 }, end: { line: 1, column: original.length + 1 } },
        },
      ],
    }));
    const { complaints, scores } = judge({ files: { 'a.ts': mutants[0]!, 'b.ts': mutants[1]! } }, []);
    expect(scores.map(({ words }) => words)).toEqual([1, 0]);
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toContain('b.ts');
  });

  it('takes what a second look killed for killed, and asks for that look where something survived', () => {
    expect(placesOfSurvivors(report('Survived'))).toEqual(['a.ts:2-2']);
    expect(placesOfSurvivors(report('Killed'))).toEqual([]);
    expect(judge(withKilled(report('Survived'), report('Killed')), []).complaints).toEqual([]);
    expect(judge(withKilled(report('Survived'), report('Survived')), []).complaints).toHaveLength(1);
  });

  it('complains of a listed one that is killed or gone, and of one without a reason', () => {
    expect(judge(report('Killed'), [survivor]).complaints[0]).toContain('is none');
    expect(judge(report('Survived'), [{ ...survivor, reason: ' ' }]).complaints[0]).toContain('needs a reason');
  });

  describe('of a room that states a least score', () => {
    /** Of a file with `killed` mutants that are killed and `open` that are not. */
    const mixed = (killed: number, open: number, original = 'go()'): Report => {
      const statuses = [...Array<string>(killed).fill('Killed'), ...Array<string>(open).fill('Survived')];
      const mutants = statuses.map((status, i) => ({
        mutatorName: 'StringLiteral',
        replacement: `'${i}'`,
        status,
        location: { start: { line: 1, column: 1 }, end: { line: 1, column: original.length + 1 } },
      }));
      return { files: { [FILE]: { source: `${original}\n`, mutants } } };
    };

    it('lets survivors pass while that share of the mutants is killed, and counts them', () => {
      const { complaints, scores } = judge(mixed(9, 1), [], 0.9);
      expect(complaints).toEqual([]);
      expect(scores).toEqual([{ file: FILE, killed: 9, excused: 0, words: 0, open: 1, all: 10 }]);
      expect(judge(mixed(9, 1), []).complaints).toHaveLength(1);
    });

    it('complains of the file and of each survivor when it is not', () => {
      const { complaints } = judge(mixed(89, 11), [], 0.9);
      expect(complaints).toHaveLength(12);
      expect(complaints.at(-1)).toBe('a.ts: 89 of 100 is less than 0.9');
    });

    it('holds the share against each file, so that a good one does not make up for a bad one', () => {
      const files = { ...mixed(99, 0).files, 'b.ts': mixed(1, 1).files[FILE]! };
      expect(judge({ files }, [], 0.9).complaints.at(-1)).toBe('b.ts: 1 of 2 is less than 0.9');
    });

    it('does not count words for people, and what is listed, as killed', () => {
      const listed = { file: FILE, line: 'go()', original: 'go()', replacement: "'1'", reason: 'it goes there anyway' };
      expect(judge(mixed(1, 2), [listed], 0.5).complaints).toEqual([]);
      expect(judge(mixed(1, 2), [listed], 0.51).complaints).toHaveLength(2);
      expect(judge(mixed(0, 9, "'for people'"), [], 0.9).scores[0]).toMatchObject({ killed: 0, words: 9, open: 0 });
    });
  });
});
