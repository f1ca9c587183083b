/**
 * Goal: a DCO that is killed while it forwards goes on by itself when it starts again; the meter is sent next to nothing twice, and the 11.3 is answered once.
 * Method: as in kill.test.ts, with the DCO's process (its countersigner dies with it) and the same store.
 */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WINDOW_BYTES } from '@smets1/protocol';
import { betweenAcknowledgements } from '../support/child.js';
import { buildUBoot, DEVICE_ID, estate, ORIGINATOR, type Estate } from '../support/estate.js';
import { eventOf, eventsOf, finished, smets1, type CliEvent } from '../support/smets1.js';

const KILLS = 11;
/** Of the larger image: a DCO tells of progress every 16 blocks or so, and some must be left after the last kill. */
const BLOCKS = 238;
const BLOCK_BYTES = 4096 + 64;
const RATE = '200000';
let of: Estate;

beforeAll(async () => {
  of = await estate();
}, 60_000);

afterAll(() => of.end());

describe('kill -9 of the DCO while it forwards', () => {
  it('loses nothing: it resumes by itself, and answers once', { timeout: 180_000 }, async () => {
    const packagePath = await buildUBoot(of, 'qemu_arm64', '00020001');
    const signed = await of.authorise(packagePath, 1, false);
    const meter = of.start(
      'emulate',
      '--flash',
      of.path('meter.flash'),
      '--trust',
      of.path('keys'),
      '--ws',
      '127.0.0.1:0',
      '--json',
    );
    const address = String((await eventOf(meter, ({ event }) => event === 'ready'))['ws']);
    const device = { deviceId: DEVICE_ID, address, publicKeyPath: of.publicKey('device') };
    writeFileSync(of.path('meters.json'), JSON.stringify({ devices: [device] }));

    const first = await of.serveDco('--listen', '127.0.0.1:0', '--rate', RATE);
    let { dco } = first;
    const client = [...first.to, '--json'];
    const whom = ['--originator', ORIGINATOR, '--counter', '1', '--device', DEVICE_ID];
    expect(await finished(smets1('dco', 'submit', packagePath, ...whom, ...client))).toMatchObject({ outcome: 'held' });

    const spread: number[] = [];
    const again: number[] = [];
    const resumes: number[] = [];
    const watch = of.start('dco', 'activate', signed, '--counter', '9', ...client);
    await eventOf(watch, ({ event }) => event === 'admitted');
    for (let kill = 0; kill < KILLS; kill++) {
      // The last of them leaves some 60 blocks: a busy machine may be late by as much as those take.
      const target = Math.round(((kill + 1) * BLOCKS) / (KILLS + 4));
      const isProgress = ({ event }: CliEvent): boolean => event === 'dco-progress';
      await eventOf(dco, (event) => isProgress(event) && Number(event['durableBlocks']) >= target);
      await betweenAcknowledgements(kill);
      dco.kill();
      expect(await dco.ended).toBe('SIGKILL');
      spread.push(Number(eventsOf(dco).findLast(isProgress)?.['durableBlocks']));
      ({ dco } = await of.serveDco('--listen', new URL(first.url).host, '--rate', RATE));
      const resumed = await eventOf(dco, (event) => isProgress(event) && Number(event['sentBytes']) > 0);
      resumes.push(Number(resumed['resumedFromBlocks']));
      again.push(Number(resumed['discardedBytes']));
    }
    expect(await finished(watch, 18)).toMatchObject({ outcome: 'interrupted' });
    const last = await finished(of.start('dco', 'activate', signed, '--counter', '9', ...client));
    expect(last).toMatchObject({ outcome: 'activated', code: 'success', attested: true, runningVersion: '00020001' });
    console.log(
      `DCO killed at blocks ${spread.join(' ')} of ${BLOCKS}; octets sent again after each: ${again.join(' ')}`,
    );
    expect(spread.every((block) => block > 0 && block < BLOCKS)).toBe(true);
    spread.forEach((durable, i) => expect(resumes[i]).toBeGreaterThanOrEqual(durable));
    expect(Math.max(...again)).toBeGreaterThan(0);
    expect(Math.max(...again)).toBeLessThanOrEqual(WINDOW_BYTES + BLOCK_BYTES);

    const status = smets1('dco', 'status', ...client);
    await finished(status);
    const responses = eventsOf(status).filter(({ event, srv }) => event === 'response' && srv === '11.3');
    expect(responses.length).toBe(1);
  });
});
