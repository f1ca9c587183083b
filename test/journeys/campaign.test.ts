/**
 * Goal: a campaign on Debian's image, as the README shows it: meters, a DCO with its ledger, a draft of the input, a run to its end, a report.
 * What the meters run is asked of their flash afterwards, by the SHA-256 that they themselves sign.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildUBoot, estate, ORIGINATOR, type Estate } from '../support/estate.js';
import { eventOf, eventsOf, finished, smets1 } from '../support/smets1.js';

const METERS = 3;
let of: Estate;

beforeAll(async () => {
  of = await estate();
}, 60_000);

afterAll(() => of.end());

it(
  'takes every meter of an inventory to a large image, counted by the ledger, once',
  { timeout: 120_000 },
  async () => {
    const packagePath = await buildUBoot(of, 'qemu_arm64', '00020001');
    const inventory = of.path('meters.json');
    const rack = of.start(
      'emulate',
      '--meters',
      String(METERS),
      '--trust',
      of.path('keys'),
      '--inventory',
      inventory,
      '--json',
    );
    await eventOf(rack, ({ event }) => event === 'ready');
    const { to } = await of.serveDco();

    const input = of.path('spring.json');
    const who = ['--inventory', inventory, '--user', ORIGINATOR, '--id', 'spring', '--out', input];
    expect(await finished(smets1('campaign', 'draft', packagePath, ...who, '--json'))).toMatchObject({
      meters: METERS,
    });
    // All of them at once: the draft spreads them over the day.
    const draft = JSON.parse(readFileSync(input, 'utf8')) as object;
    writeFileSync(input, JSON.stringify({ ...draft, policy: { releaseEveryMinutes: 1440 } }));
    const keys = ['--package', packagePath, '--supplier-key', of.key('supplier'), ...of.trust];
    const result = await finished(
      of.start('campaign', 'run', input, '--journal', of.path('spring'), ...to, ...keys, '--json'),
    );
    expect(result).toMatchObject({ head: { largeStarts: METERS, stages: { done: METERS } } });

    const { hash } = (await finished(smets1('package', 'inspect', packagePath, '--json')))!;
    const { devices } = JSON.parse(readFileSync(inventory, 'utf8')) as {
      readonly devices: readonly { readonly address: string }[];
    };
    for (const { address } of devices)
      expect(await finished(smets1('read-version', '--to', address, '--json'))).toMatchObject({ runningHash: hash });
    const ledger = smets1('dco', 'capacity', 'show', ...to, '--json');
    expect(await finished(ledger)).toMatchObject({ used: METERS });
    const page = of.path('spring.html');
    await finished(smets1('campaign', 'report', of.path('spring'), '--page', page, '--json'));
    expect(readFileSync(page, 'utf8')).toContain('spring');
    expect(eventsOf(rack).filter(({ event }) => event === 'start')).toHaveLength(METERS);
  },
);
