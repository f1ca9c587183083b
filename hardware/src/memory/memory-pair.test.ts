import { describe, expect, it } from 'vitest';
import { describeLink } from '../link.conformance.js';
import { memoryPair } from './memory-pair.js';

describeLink('memory, stream', {
  framing: 'stream',
  peerSeesClose: true,
  open: async () => memoryPair({ framing: 'stream' }),
});
describeLink('memory, message', {
  framing: 'message',
  peerSeesClose: true,
  open: async () => memoryPair({ framing: 'message' }),
});

describe('a memory pair that drops', () => {
  const arrivals = async (seed: number): Promise<readonly number[]> => {
    const { a, b } = memoryPair({ framing: 'message', drop: { seed, dropRate: 0.3 } });
    const seen: number[] = [];
    b.onReceive((octets) => void seen.push(octets[0]!));
    for (let i = 0; i < 200; i++) a.send(Uint8Array.of(i));
    await a.close();
    return seen;
  };

  it('loses whole messages, about as many as asked, and keeps the order of the rest', async () => {
    const seen = await arrivals(1);
    expect(seen.length).toBeGreaterThan(100);
    expect(seen.length).toBeLessThan(180);
    expect(seen).toEqual(seen.toSorted((x, y) => x - y));
  });

  it('loses the same ones again for the same seed, and others for another', async () => {
    expect(await arrivals(5)).toEqual(await arrivals(5));
    expect(await arrivals(5)).not.toEqual(await arrivals(6));
  });

  it('loses single octets of a stream', async () => {
    const { a, b } = memoryPair({ framing: 'stream', drop: { seed: 3, dropRate: 0.1 } });
    let count = 0;
    b.onReceive((octets) => void (count += octets.length));
    a.send(new Uint8Array(10_000));
    await a.close();
    expect(count).toBeGreaterThan(8_500);
    expect(count).toBeLessThan(9_500);
  });

  it('refuses a rate that is no probability', () => {
    expect(() => memoryPair({ framing: 'stream', drop: { seed: 1, dropRate: 1.5 } })).toThrow(RangeError);
  });
});
