import { SerialPortStream } from '@serialport/stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeLink } from '../link.conformance.js';
import { LINE_INPUT_BYTES_MAX } from '../limits.js';
import { openSerial } from '../serial/serial-link.js';
import { createLinePair, type LineModelBinding, type LineSchedule } from './line-pair.js';

describeLink('serial over the line model', {
  framing: 'stream',
  peerSeesClose: false,
  open: async () => {
    const line = createLinePair({ seed: 1 });
    return { a: await openEnd(line.a), b: await openEnd(line.b), unplug: line.unplug };
  },
});

const openEnd = async (binding: LineModelBinding) => await openSerial({ path: binding.path, binding });

describe('the line model under SerialPortStream itself', () => {
  const openStream = async (binding: LineModelBinding): Promise<SerialPortStream> => {
    const stream = new SerialPortStream({ binding, path: binding.path, baudRate: 9600, autoOpen: false });
    await new Promise<void>((resolve, reject) => stream.open((error) => (error ? reject(error) : resolve())));
    return stream;
  };

  it('joins two real streams', async () => {
    const line = createLinePair({ seed: 1 });
    const [a, b] = [await openStream(line.a), await openStream(line.b)];
    const heard = new Promise((resolve) => b.once('data', (octets: Buffer) => resolve([...octets])));
    a.write([1, 2, 3]);
    expect(await heard).toEqual([1, 2, 3]);
  });

  it('crosses the modem lines', async () => {
    const line = createLinePair({ seed: 1 });
    const [a, b] = [
      await line.a.open({ path: 'line:a', baudRate: 9600 }),
      await line.b.open({ path: 'line:b', baudRate: 9600 }),
    ];
    await a.set({ dtr: false, rts: true });
    expect(await b.get()).toEqual({ cts: true, dsr: false, dcd: false });
    await a.close();
    expect(await b.get()).toEqual({ cts: false, dsr: false, dcd: false });
  });
});

describe('a modelled line', () => {
  const survivors = async (seed: number, dropRate: number): Promise<readonly number[]> => {
    const line = createLinePair({ seed, dropRate });
    const [a, b] = [await openEnd(line.a), await openEnd(line.b)];
    const seen: number[] = [];
    b.onReceive((octets) => void seen.push(...octets));
    a.send(Uint8Array.from({ length: 250 }, (_, i) => i));
    await a.close();
    await b.close();
    return seen;
  };

  it('loses the same octets again for the same seed, and never invents or reorders one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), async (seed, dropRate) => {
        const seen = await survivors(seed, dropRate);
        expect(seen).toEqual(await survivors(seed, dropRate));
        expect(seen).toEqual([...new Set(seen)].toSorted((x, y) => x - y));
      }),
      { numRuns: 30 },
    );
  });

  it('loses about as many as asked', async () => {
    const { length } = await survivors(4, 0.2);
    expect(length).toBeGreaterThan(160);
    expect(length).toBeLessThan(235);
  });

  it('asks its schedule when octets arrive, with what a pacing schedule needs to know', async () => {
    const asked: { octets: number; baudRate: number }[] = [];
    const schedule: LineSchedule = (arrive, transit) => {
      asked.push(transit);
      queueMicrotask(arrive);
    };
    const line = createLinePair({ seed: 1, schedule });
    const a = await openSerial({ path: 'line:a', baudRate: 2400, binding: line.a });
    a.send(new Uint8Array(10_000));
    await a.close();
    expect(asked.map((transit) => transit.octets)).toEqual([4096, 4096, 1808]);
    expect(asked.every((transit) => transit.baudRate === 2400)).toBe(true);
  });

  it('loses what is sent while nobody listens, as a wire does', async () => {
    const line = createLinePair({ seed: 1 });
    const a = await openEnd(line.a);
    a.send(new Uint8Array(100));
    await a.close();
    const [again, b] = [await openEnd(line.a), await openEnd(line.b)];
    const heard = new Promise((resolve) => b.onReceive((octets) => resolve([...octets])));
    again.send(Uint8Array.of(5));
    expect(await heard).toEqual([5]);
  });

  it('makes the writer wait while the far end does not read, and loses nothing by it', async () => {
    const line = createLinePair({ seed: 1 });
    const a = await line.a.open({ path: 'line:a', baudRate: 9600 });
    const b = await line.b.open({ path: 'line:b', baudRate: 9600 });
    const totalBytes = 4 * LINE_INPUT_BYTES_MAX;
    const progress = { written: false };
    const written = a.write(Buffer.alloc(totalBytes, 1)).then(() => (progress.written = true));
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(progress.written).toBe(false);
    let readBytes = 0;
    const room = Buffer.alloc(10_000);
    while (readBytes < totalBytes) readBytes += (await b.read(room, 0, room.length)).bytesRead;
    await written;
    expect(readBytes).toBe(totalBytes);
  });

  it('is open for one at a time, and again after a close', async () => {
    const { a } = createLinePair({ seed: 1 });
    const first = await openEnd(a);
    await expect(openEnd(a)).rejects.toMatchObject({ code: 'busy' });
    await first.close();
    await expect(openEnd(a)).resolves.toBeDefined();
  });

  it('has no ports while it is unplugged, and has them again when plugged in', async () => {
    const line = createLinePair({ seed: 1 });
    line.unplug();
    await expect(openEnd(line.a)).rejects.toMatchObject({ code: 'not-found' });
    expect(await line.a.list()).toEqual([]);
    line.plug();
    await expect(openEnd(line.a)).resolves.toBeDefined();
    expect((await line.a.list()).map((port) => port.path)).toEqual(['line:a']);
  });
});
