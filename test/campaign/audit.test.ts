import { memoryFiles, openJournal, readJournal, JournalError, type MemoryFiles } from '@smets1/journal';
import { describe, expect, it } from 'vitest';
import { HAND_INPUT, HAND_RECORDS, handJournal } from './checker/by-hand.test-support.js';
import { verdictOn } from './checker/checker.js';

const LINES = handJournal(HAND_RECORDS).split('\n').slice(0, -1);
const FILE = 'audit/segment-0000000001.log';
const SECTOR_BYTES = 512;
const SEGMENT_BYTES = 64 * 1024;

/** What the journal's frames are, by their places in the only segment. */
interface Audit {
  readonly world: MemoryFiles;
  readonly frames: readonly Uint8Array[];
}

/** A campaign's journal as a run keeps it: each record one record of the hash chain. */
async function audit(): Promise<Audit> {
  const world = memoryFiles({ seed: 1 });
  const { files, processes } = world;
  const journal = openJournal({ files, processes, directory: 'audit', segmentBytes: SEGMENT_BYTES });
  const octets = LINES.map((line) => new TextEncoder().encode(line));
  for (const record of octets) await journal.append(record);
  journal.close();
  const segment = new Uint8Array(SEGMENT_BYTES);
  files.open(FILE, 'read').readAt(segment, 0);
  let at = SECTOR_BYTES;
  const frames = octets.map(({ length }) => {
    const from = at;
    at += Math.ceil((length + 64) / SECTOR_BYTES) * SECTOR_BYTES;
    return segment.slice(from, at);
  });
  expect(segment.subarray(at).every((octet) => octet === 0)).toBe(true);
  return { world, frames };
}

function write({ world }: Audit, frames: readonly Uint8Array[]): void {
  const octets = new Uint8Array(SEGMENT_BYTES - SECTOR_BYTES);
  let at = 0;
  for (const frame of frames) {
    octets.set(frame, at);
    at += frame.length;
  }
  world.files.open(FILE, 'read-write').writeAt(octets, SECTOR_BYTES);
}

/** Who tells: the hash chain, or the checker, for whom a campaign's journal ends with its end. Undefined: nobody. */
function toldBy({ world }: Audit): 'chain' | 'checker' | undefined {
  let text = '';
  try {
    const reader = readJournal({ files: world.files, directory: 'audit' });
    for (const { octets } of reader.readAll()) text += `${new TextDecoder().decode(octets)}\n`;
  } catch (error) {
    if (error instanceof JournalError && error.code === 'corrupt') return 'chain';
    throw error;
  }
  return verdictOn(HAND_INPUT, text, { isSimulated: true }).faultCount > 0 ? 'checker' : undefined;
}

const LAST = LINES.length - 1;

describe('The audit of a campaign that has ended', () => {
  it('is accepted as it was written', async () => {
    const whole = await audit();
    expect(toldBy(whole)).toBeUndefined();
    write(whole, whole.frames);
    expect(toldBy(whole)).toBeUndefined();
  });

  it('tells when any record is deleted', async () => {
    const whole = await audit();
    for (let at = 0; at <= LAST; at += 1) {
      write(whole, whole.frames.toSpliced(at, 1));
      // What follows the gap is the last frame then: the chain takes it for one that was never finished.
      expect([at, toldBy(whole)]).toEqual([at, at >= LAST - 1 ? 'checker' : 'chain']);
    }
  });

  it('tells when any octet of any record is changed', async () => {
    const whole = await audit();
    for (let at = 0; at <= LAST; at += 1)
      for (let octet = 0; octet < LINES[at]!.length + 48; octet += 13) {
        const frame = whole.frames[at]!.slice();
        frame[octet]! ^= 1 << (octet % 8);
        write(whole, whole.frames.with(at, frame));
        expect([at, octet, toldBy(whole)]).toEqual([at, octet, at === LAST ? 'checker' : 'chain']);
      }
  });

  it('tells when any two records that follow each other are swapped', async () => {
    const whole = await audit();
    for (let at = 0; at < LAST; at += 1) {
      write(whole, whole.frames.with(at, whole.frames[at + 1]!).with(at + 1, whole.frames[at]!));
      expect([at, toldBy(whole)]).not.toEqual([at, undefined]);
    }
  });

  it('tells when it is cut off after any record', async () => {
    const whole = await audit();
    for (let length = 0; length <= LAST; length += 1) {
      write(whole, whole.frames.slice(0, length));
      expect([length, toldBy(whole)]).toEqual([length, 'checker']);
    }
  });
});
