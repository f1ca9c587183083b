/** The same as `npm run check:campaign-kills`, with few kills. */
import { randomInt } from 'node:crypto';
import { expect, it } from 'vitest';
import { killCampaigns } from './kills.js';

it('kill -9 of the runner loses no meter and updates none twice', { timeout: 120_000 }, async () => {
  const seed = randomInt(2 ** 31);
  const said: string[] = [];
  const counts = await killCampaigns({ kills: 8, seed, meters: 24, say: (text) => void said.push(text) });
  console.log(`seed ${seed}: ${JSON.stringify(counts.after)}`);
  expect(counts).toMatchObject({ struck: 8, faults: [] });
  expect(said.length).toBe(counts.campaigns);
});
