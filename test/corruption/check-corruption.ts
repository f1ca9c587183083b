/**
 * Goal: nothing spoilt is ever taken for right, by the verifier or by the meter.
 * Method: a package of three blocks, and every bit of it flipped, and every truncation: as it comes, and with CRCs and lengths repaired.
 * Ends with 1 when anything was taken. `--json` prints the counts as one object.
 */
import process from 'node:process';
import { PACKAGE, VERIFIED } from './bench-image.js';
import { tallyOf, type Checker } from './corruptions.js';
import { meterCheckers } from './meter-checkers.js';
import { verifierCheckers } from './verifier-checkers.js';

const checkers: readonly Checker[] = [...verifierCheckers, ...meterCheckers];

const json = process.argv.includes('--json');
const tallies = checkers.map((checker) => {
  const tally = tallyOf(checker);
  if (!json) {
    const codes = Object.entries(tally.byCode).map(([code, count]) => `${code} ${count}`);
    console.log(`${tally.name}: ${tally.refused} refused (${codes.join(', ')})`);
    for (const what of tally.accepted) console.log(`  TAKEN FOR RIGHT: ${what}`);
  }
  return tally;
});

const passed = tallies.reduce((sum, { refused }) => sum + refused, 0);
// A check that had nothing to spoil proves nothing.
const idle = tallies.filter(({ refused, accepted }) => refused + accepted.length === 0);
const failed = tallies.reduce((sum, { accepted }) => sum + accepted.length, 0) + idle.length;
for (const { name } of idle) console.log(`  NOTHING TO SPOIL: ${name}`);
if (json) {
  console.log(
    JSON.stringify({ packageBytes: PACKAGE.length, blocks: VERIFIED.blocks.length, passed, failed, checks: tallies }),
  );
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
