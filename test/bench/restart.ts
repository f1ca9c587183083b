/** How soon what was killed can be used again: a DCO that holds a large image, and the journal under it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFiles, openJournal } from '@smets1/journal';
import type { Child } from '../support/child.js';
import { DEVICE_ID, estate, ORIGINATOR, smallFirmware } from '../support/estate.js';
import { eventOf, finished, smets1 } from '../support/smets1.js';
import { median } from './rounds.js';

const KILLS = 7;
const RECORDS = 1_000;
const RECORD_BYTES = 4_096;

/** Milliseconds from the start of `smets1 dco serve` over the store of one that was killed until it can be asked, median of {@link KILLS}. */
export async function dcoRestartMs(imageBytes: number): Promise<number> {
  const of = await estate();
  try {
    writeFileSync(of.path('meters.json'), JSON.stringify({ devices: [meterNobodyAsks(of.publicKey('device'))] }));
    const serve = async (): Promise<{ dco: Child; url: string; readyMs: number }> => {
      const startedMs = performance.now();
      const store = ['--store', of.path('store'), '--inventory', of.path('meters.json'), '--key', of.key('dco')];
      const dco = of.start('dco', 'serve', ...store, '--listen', '127.0.0.1:0', ...of.trust, '--json');
      const ready = await eventOf(dco, ({ event }) => event === 'ready');
      return { dco, url: String(ready['url']), readyMs: performance.now() - startedMs };
    };
    let { dco, url } = await serve();
    const packagePath = await of.build('held', smallFirmware(of, 'held', imageBytes, 1), '00020001');
    const whom = ['--originator', ORIGINATOR, '--counter', '1', '--device', DEVICE_ID];
    const client = ['--to', url, '--token-file', of.path('store.token'), '--json'];
    const end = await finished(smets1('dco', 'submit', packagePath, ...whom, ...client));
    if (end?.['outcome'] !== 'held') throw new Error(`the image is not held: ${JSON.stringify(end)}`);
    const readyMs: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      dco.kill();
      await dco.ended;
      const next = await serve();
      ({ dco, url } = next);
      readyMs.push(next.readyMs);
    }
    return median(readyMs);
  } finally {
    await of.end();
  }
}

/** Milliseconds to open a journal of 1,000 records of 4 KiB, median. */
export async function journalOpenMs(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'smets1-bench-'));
  try {
    const options = { files: nodeFiles(), directory };
    const journal = openJournal(options);
    for (let i = 0; i < RECORDS; i += 1) await journal.append(new Uint8Array(RECORD_BYTES).fill(i));
    journal.close();
    const openedMs: number[] = [];
    for (let round = 0; round < KILLS; round++) {
      const startedMs = performance.now();
      const again = openJournal(options);
      openedMs.push(performance.now() - startedMs);
      if (again.lastSequence !== RECORDS) throw new Error(`${again.lastSequence} records, not ${RECORDS}`);
      again.close();
    }
    return median(openedMs);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const meterNobodyAsks = (publicKeyPath: string): object => ({
  deviceId: DEVICE_ID,
  address: 'ws://127.0.0.1:1',
  publicKeyPath,
});
