/** How soon what was killed can be used again: a DCO that holds a large image, and the journal under it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFiles, openJournal } from '@smets1/journal';
import { DEVICE_ID, estate, ORIGINATOR, smallFirmware } from '../support/estate.js';
import { finished, smets1 } from '../support/smets1.js';
import { median, ROUNDS } from './rounds.js';

const RECORDS = 1_000;
const RECORD_BYTES = 4_096;

/** Milliseconds from the start of `smets1 dco serve` over the store of one that was killed until it can be asked, median of {@link ROUNDS}. */
export async function dcoRestartMs(imageBytes: number): Promise<number> {
  const of = await estate();
  try {
    writeFileSync(of.path('meters.json'), JSON.stringify({ devices: [meterNobodyAsks(of.publicKey('device'))] }));
    const { dco: first, to } = await of.serveDco();
    const packagePath = await of.build('held', smallFirmware(of, 'held', imageBytes, 1), '00020001');
    const whom = ['--originator', ORIGINATOR, '--counter', '1', '--device', DEVICE_ID];
    const end = await finished(smets1('dco', 'submit', packagePath, ...whom, ...to, '--json'));
    if (end?.['outcome'] !== 'held') throw new Error(`the image is not held: ${JSON.stringify(end)}`);
    let dco = first;
    const readyMs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      dco.kill();
      await dco.ended;
      const startedMs = performance.now();
      ({ dco } = await of.serveDco());
      readyMs.push(performance.now() - startedMs);
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
    for (let round = 0; round < ROUNDS; round++) {
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
