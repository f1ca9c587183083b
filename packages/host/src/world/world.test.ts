/** Goal: a seed repeats a world octet for octet, and whatever is not deterministic shows in its hash. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, stateDigest } from './digest.js';
import { seededRandom } from './random.js';
import { worldLink } from './world-link.js';
import { createWorld, worldTime, type World } from './world.js';

/** A history with some luck in it. */
function live(world: World): string {
  const random = world.random('walk');
  const step = (left: number): void => {
    world.trace('step', { left, drawn: random.u32() });
    if (left > 0) world.at(world.now() + random.below(50), () => step(left - 1));
  };
  world.at(5, () => step(40));
  world.at(7, () => world.trace('octets', random.octets(20)));
  world.run();
  return world.traceHash();
}

describe('a world', () => {
  it('gives each event its time, and equal times the order in which they were made', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 }), (times) => {
        const world = createWorld({ seed: 1 });
        const seen: (readonly [number, number])[] = [];
        times.forEach((ms, index) => world.at(ms, () => seen.push([world.now(), index])));
        world.run();
        const expected = times.map((ms, index) => [ms, index] as const).toSorted(([a, i], [b, j]) => a - b || i - j);
        expect(seen).toEqual(expected);
      }),
    );
  });

  it('lets an event make others for the same moment, after all that stand there', () => {
    const world = createWorld({ seed: 1 });
    const seen: string[] = [];
    world.at(3, () => {
      seen.push('first');
      world.at(3, () => seen.push('third'));
    });
    world.at(3, () => seen.push('second'));
    world.run();
    expect(seen).toEqual(['first', 'second', 'third']);
  });

  it('forgets a cancelled event, and does not count it', () => {
    const world = createWorld({ seed: 1 });
    const seen: number[] = [];
    const cancels = [1, 2, 3, 4].map((ms) => world.at(ms, () => seen.push(ms)));
    cancels[0]!();
    cancels[2]!();
    expect(world.run()).toEqual({ ended: 'idle', events: 2, nowMs: 4 });
    expect(seen).toEqual([2, 4]);
  });

  it('stops at a time, after a number of events, or when told, and goes on from there', () => {
    const world = createWorld({ seed: 1 });
    const seen: number[] = [];
    for (const ms of [10, 20, 30, 40]) world.at(ms, () => seen.push(ms));
    expect(world.run({ untilMs: 15 })).toEqual({ ended: 'time', events: 1, nowMs: 15 });
    expect(world.run({ maxEvents: 1 })).toEqual({ ended: 'events', events: 1, nowMs: 20 });
    expect(world.run({ until: () => seen.length === 3 })).toEqual({ ended: 'until', events: 1, nowMs: 30 });
    expect(world.run({ untilMs: 100 })).toEqual({ ended: 'idle', events: 1, nowMs: 100 });
  });

  it('refuses the past, and to be run by its own events', () => {
    const world = createWorld({ seed: 1 });
    world.at(10, () => world.run());
    expect(() => world.run()).toThrow(expect.objectContaining({ code: 'world-failed' }));
    for (const ms of [9, Number.NaN, Infinity]) {
      expect(() => world.at(ms, () => undefined)).toThrow(expect.objectContaining({ code: 'misuse' }));
    }
  });

  it('names its seed when something in it throws, and keeps the cause', () => {
    const world = createWorld({ seed: 0xabcn });
    const cause = new TypeError('broken');
    world.at(12, () => {
      throw cause;
    });
    expect(() => world.run()).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/0000000000000abc.*12 ms/), cause }),
    );
  });

  it('offers its clock as a time port', () => {
    const world = createWorld({ seed: 1 });
    const time = worldTime(world);
    const seen: number[] = [];
    time.after(30, () => seen.push(time.nowMs()));
    time.after(20, () => seen.push(-1))();
    time.after(-5, () => seen.push(time.nowMs()));
    world.run();
    expect(seen).toEqual([0, 30]);
  });
});

describe('the trace hash', () => {
  it('is the same for the same seed, whichever way the seed was written', () => {
    const hash = live(createWorld({ seed: 255n }));
    expect(live(createWorld({ seed: 255 }))).toBe(hash);
    expect(live(createWorld({ seed: '00000000000000FF' }))).toBe(hash);
    expect(live(createWorld({ seed: 256 }))).not.toBe(hash);
  });

  it('is pinned, so that a change of the stream or of the encoding is seen', () => {
    expect(live(createWorld({ seed: 7 }))).toBe('cd8afc40c927ea5af749a30e9bc7a39582a4d24fbac588d7f87196a7fb204d7f');
  });

  it('can be read in the middle without changing the end', () => {
    const world = createWorld({ seed: 1 });
    world.trace('a');
    const early = world.traceHash();
    world.trace('b');
    const other = createWorld({ seed: 1 });
    other.trace('a');
    other.trace('b');
    expect(world.traceHash()).toBe(other.traceHash());
    expect(early).not.toBe(world.traceHash());
  });

  it('catches a world that looks at the real clock', () => {
    let reading = 0;
    const clock = (): number => (reading += 1); // what Date.now is to a world: another number each time
    const look = (): string => {
      const world = createWorld({ seed: 1 });
      world.at(1, () => world.trace('look', clock()));
      world.run();
      return world.traceHash();
    };
    expect(look()).not.toBe(look());
  });

  it('catches a timer that rang at another time, even without a trace', () => {
    const hashOf = (ms: number): string => {
      const world = createWorld({ seed: 1 });
      world.at(ms, () => undefined);
      world.run();
      return world.traceHash();
    };
    expect(hashOf(1)).not.toBe(hashOf(2));
  });

  it('is not made where nobody wants it, and everything else is the same', () => {
    const [hashed, bare] = [true, false].map((isHashed) => {
      const world = createWorld({ seed: 1, hashed: isHashed });
      const { a, b } = worldLink(world, { latencyMs: [1, 50], loss: 0.5 });
      b.onReceive((frame) => b.send(frame));
      for (let i = 0; i < 40; i++) a.send(Uint8Array.of(i));
      world.run();
      return { world, end: [[...world.counts], world.now(), world.random('link/link').u32()] };
    });
    expect(bare!.end).toEqual(hashed!.end);
    expect(hashed!.world.traceHash()).toMatch(/^[0-9a-f]{64}$/);
    expect(() => bare!.world.traceHash()).toThrow(expect.objectContaining({ code: 'misuse' }));
  });

  it('counts by kind', () => {
    const world = createWorld({ seed: 1 });
    live(world);
    expect(world.count('step')).toBe(41);
    expect(world.count('octets')).toBe(1);
    expect(world.count('never')).toBe(0);
    expect([...world.counts.keys()].toSorted()).toEqual(['octets', 'step']);
  });
});

describe('luck', () => {
  it('belongs to a label: what one part draws changes nothing for the others', () => {
    const one = createWorld({ seed: 9 });
    const other = createWorld({ seed: 9 });
    one.random('noise').octets(100);
    expect(one.random('line').u32()).toBe(other.random('line').u32());
    expect(one.random('line').u32()).not.toBe(one.random('meter').u32());
    expect(one.random('line')).toBe(one.random('line'));
  });

  it('gives every number below a bound about as often', () => {
    const random = seededRandom('0000000000000001', 'evenness');
    const seen = Array.from({ length: 7 }, () => 0);
    for (let i = 0; i < 70_000; i += 1) seen[random.below(7)]! += 1;
    for (const count of seen) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    const hits = Array.from({ length: 10_000 }, () => random.chance(0.25)).filter(Boolean).length;
    expect(Math.abs(hits - 2_500)).toBeLessThan(200);
    // Taken modulo the bound, a third of all draws would fall on its first third once more.
    const third = 2 ** 30;
    const low = Array.from({ length: 3_000 }, () => random.below(3 * third) < third).filter(Boolean).length;
    expect(Math.abs(low - 1_000)).toBeLessThan(150);
    expect(() => random.below(0)).toThrow(expect.objectContaining({ code: 'misuse' }));
    expect(() => random.pick([])).toThrow(expect.objectContaining({ code: 'misuse' }));
  });

  it.each([-1, 1.5, 2 ** 53, 1n << 64n, '', 'xyz', '12345678901234567'])('refuses the seed %s', (seed) => {
    expect(() => createWorld({ seed })).toThrow(expect.objectContaining({ code: 'misuse' }));
  });
});

describe('a state digest', () => {
  it('is SHA-256 of JSON in one order, octets as hex and bigints as decimals', () => {
    const state = { b: Uint8Array.of(1, 0xab), a: [1n << 63n, undefined, null, -0], c: { z: true, y: undefined } };
    const text = '{"a":["9223372036854775808",null,null,0],"b":"01ab","c":{"z":true}}';
    expect(canonicalJson(state)).toBe(text);
    expect(stateDigest(state)).toBe(createHash('sha256').update(text).digest('hex'));
    expect(stateDigest(Buffer.from([1]))).toBe(stateDigest(Uint8Array.of(1)));
    expect(canonicalJson(new Map([['k', new Set([1, 2])]]))).toBe('[["k",[1,2]]]');
  });

  it('does not depend on the order in which fields were set', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (state) => {
        const turned = Object.fromEntries(Object.entries(state).toReversed());
        expect(stateDigest(turned)).toBe(stateDigest(state));
        expect(canonicalJson(structuredClone(state))).toBe(canonicalJson(state));
      }),
    );
  });

  it.each([
    ['NaN', Number.NaN],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['a cycle', cycle()],
  ])('refuses %s', (_, value) => {
    expect(() => stateDigest({ value })).toThrow(expect.objectContaining({ code: 'misuse' }));
  });
});

function cycle(): unknown {
  const ring: { next?: unknown } = {};
  ring.next = ring;
  return ring;
}
