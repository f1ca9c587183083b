/**
 *   --kills N   how many must have struck; 200 unless given
 *   --seed N    of the moments; drawn, and printed, unless given
 *   --json      the counts as one object
 */
import { randomInt } from 'node:crypto';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { killCampaigns } from './kills.js';

const METERS = 64;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const kills = Number(values.kills);
const seed = Number(values.seed ?? randomInt(2 ** 31));
const say = (text: string): void => {
  if (!values.json) console.log(text);
};
say(`seed ${seed}: ${kills} kills of a campaign's runner, ${METERS} meters`);
const startedAtMs = performance.now();
const counts = await killCampaigns({ kills, seed, meters: METERS, say });
const seconds = Math.round((performance.now() - startedAtMs) / 1000);
if (values.json) console.log(JSON.stringify({ ...counts, seconds }));
else {
  const { struck, after, campaigns, updates, runs, faults } = counts;
  const told = Object.entries(after).map(([event, count]) => `${count} after ${event}`);
  console.log(`kills struck ${struck}: ${told.join(', ')}`);
  console.log(`campaigns ${campaigns}, runs ${runs}; updates ${updates}, each meter each version once; ${seconds} s`);
  for (const fault of faults) console.log(`  FAULT: ${fault} (seed ${seed})`);
}
process.exitCode = counts.faults.length === 0 ? 0 : 1;
