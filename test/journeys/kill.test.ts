/**
 * Goal: whatever process dies, at whatever moment of a transfer, the next call goes on where it stopped, and sends again no more than the
 * window and one block.
 * Method: Debian's U-Boot image on a link paced to 200 kB/s; `kill -9` at moments spread over the image, each strictly between first and last block.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WINDOW_BYTES } from '@smets1/protocol';
import { betweenAcknowledgements, type Child } from '../support/child.js';
import { buildUBoot, estate, type Estate } from '../support/estate.js';
import { eventOf, eventsOf, finished, type CliEvent } from '../support/smets1.js';

const KILLS = 11;
const BLOCKS = 193;
const AGAIN_BYTES_MAX = WINDOW_BYTES + 4096 + 64;
const RATE = '200000';
let of: Estate;
let packagePath: string;

beforeAll(async () => {
  of = await estate();
  packagePath = await buildUBoot(of, 'qemu_arm', '00020001');
}, 60_000);

afterAll(() => of.end());

/**
 * Durable blocks at which the next kill comes, after those before. The last of them leaves some 60: a busy machine may be late by as much as those
 * take.
 */
function moment(before: readonly number[]): number {
  return Math.max(Math.round(((before.length + 1) * BLOCKS) / (KILLS + 5)), (before.at(-1) ?? 0) + 1);
}

/** What the sender last said to be durable. */
function durableOf(run: Child): number {
  return Number(eventsOf(run).findLast(({ event }) => event === 'progress')?.['durableBlocks']);
}

function reached(blocks: number): (event: CliEvent) => boolean {
  return ({ event, durableBlocks }) => event === 'progress' && Number(durableBlocks) >= blocks;
}

async function emulator(flash: string, port = 0): Promise<{ meter: Child; url: string }> {
  const meter = of.start(
    'emulate',
    '--flash',
    of.path(flash),
    '--trust',
    of.path('keys'),
    '--ws',
    `127.0.0.1:${port}`,
    '--json',
  );
  const ready = await eventOf(meter, ({ event }) => event === 'ready');
  return { meter, url: String(ready['ws']) };
}

function flash(url: string, ...more: readonly string[]): Child {
  return of.start(
    'flash',
    packagePath,
    '--to',
    url,
    '--rate',
    RATE,
    '--device-key',
    of.publicKey('device'),
    '--json',
    ...more,
  );
}

describe('kill -9 in the middle of a transfer', () => {
  it('of the sender: the next call resumes', { timeout: 120_000 }, async () => {
    const { url } = await emulator('sender.flash');
    const spread: number[] = [];
    const again: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const run = flash(url);
      await eventOf(run, reached(moment(spread)));
      await betweenAcknowledgements(kill);
      run.kill();
      expect(await run.ended).toBe('SIGKILL');
      spread.push(durableOf(run));
      again.push(Number(eventsOf(run).findLast(({ event }) => event === 'progress')?.['discardedBytes']));
    }
    const last = await finished(flash(url));
    expect(last).toMatchObject({ event: 'result', outcome: 'sealed', exitCode: 0, attested: true });
    expect(last?.['resumedFromBlocks']).toBeGreaterThanOrEqual(spread.at(-1)!);
    again.push(Number(last?.['octetsResent']));
    console.log(
      `sender killed at blocks ${spread.join(' ')} of ${BLOCKS}; octets sent again after each: ${again.slice(1).join(' ')}`,
    );
    expect(spread.every((block) => block > 0 && block < BLOCKS)).toBe(true);
    expect(Math.max(...again)).toBeGreaterThan(0);
    expect(Math.max(...again)).toBeLessThanOrEqual(AGAIN_BYTES_MAX);
    expect(new Set(spread).size).toBe(KILLS);
  });

  it(
    'of the emulator, its flash file kept: the sender goes on with the one that is started again',
    { timeout: 180_000 },
    async () => {
      const first = await emulator('meter.flash');
      const port = Number(new URL(first.url).port);
      let { meter } = first;
      const run = flash(first.url, '--reconnect-s', '30');
      const spread: number[] = [];
      for (let kill = 0; kill < KILLS; kill++) {
        await eventOf(run, reached(moment(spread)));
        await betweenAcknowledgements(kill);
        meter.kill();
        expect(await meter.ended).toBe('SIGKILL');
        spread.push(durableOf(run));
        ({ meter } = await emulator('meter.flash', port));
      }
      const last = await finished(run);
      expect(last).toMatchObject({
        event: 'result',
        outcome: 'sealed',
        exitCode: 0,
        attested: true,
        sessions: KILLS + 1,
      });
      const again = Number(last?.['octetsResent']);
      console.log(`emulator killed at blocks ${spread.join(' ')} of ${BLOCKS}; octets sent again in all: ${again}`);
      expect(spread.every((block) => block > 0 && block < BLOCKS)).toBe(true);
      expect(again).toBeGreaterThan(0);
      expect(again).toBeLessThanOrEqual(KILLS * AGAIN_BYTES_MAX);
      // Nothing that was said to be durable was sent again: each session began where the one before had come.
      const resumes = eventsOf(run)
        .filter(({ event }) => event === 'accepted')
        .map(({ durableBlocks }) => Number(durableBlocks));
      expect(resumes.length).toBe(KILLS + 1);
      spread.forEach((durable, i) => expect(resumes[i + 1]).toBeGreaterThanOrEqual(durable));
    },
  );
});
