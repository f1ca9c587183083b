/**
 * `npm run bug-bench [-- --bug N] [--json]`: do the goals bite? With each seeded bug the goal that claims it must fail, in tier Q, at its first
 * failing case; without the bug the same case must pass. Prints a table; exit code 1 when a bug was not caught or is not what it was.
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { BUGS } from './bugs.js';
import { isProved, tried, type Verdict } from './trial.js';

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { bug: { type: 'string', multiple: true }, json: { type: 'boolean' } },
    strict: true,
  });
  const unknown = values.bug?.find((id) => !BUGS.some((bug) => bug.id === id));
  if (unknown !== undefined) {
    console.error(`there is no bug ${unknown}; there are ${BUGS.map(({ id }) => id).join(', ')}`);
    return 2;
  }
  const wanted = BUGS.filter(({ id }) => values.bug === undefined || values.bug.includes(id));
  const verdicts: Verdict[] = [];
  // One after the other: each goal has both processors for itself.
  for (const bug of wanted) {
    // eslint-disable-next-line no-await-in-loop -- see above
    const verdict = await tried(bug);
    verdicts.push(verdict);
    if (values.json === true) console.log(JSON.stringify(verdict));
    else console.log(rowOf(verdict));
  }
  const missed = verdicts.filter((verdict) => !isProved(verdict));
  if (values.json !== true) console.log(`${verdicts.length - missed.length} of ${verdicts.length} bugs caught`);
  return missed.length === 0 ? 0 : 1;
}

function rowOf({ bug, title, goal, caught, case: caseId, seconds, complaint }: Verdict): string {
  const how = caught ? `caught at ${caseId}` : 'NOT CAUGHT';
  const row = `${bug.padEnd(4)} ${goal}  ${`${seconds.toFixed(1)} s`.padStart(8)}  ${how.padEnd(40)}  ${title}`;
  return complaint === undefined ? row : `${row}\n     ${complaint}`;
}

process.exitCode = await main();
