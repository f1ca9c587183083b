/**
 * Goal: a run on real links ends with a result whatever lines do, says what happened to the link, and leaves no link open.
 * Method: memory links, a meter of the receiver machine at the far end, time of a world.
 */
import { LinkError, memoryPair, type Link, type LinkErrorCode, type MemoryPair } from '@smets1/hardware';
import { describe, expect, it } from 'vitest';
import { decodeHostMessage, type SenderPlan } from '@smets1/protocol';
import { modelCrypto } from '../crypto/model-crypto.js';
import { nodeCrypto } from '../crypto/node-crypto.js';
import { demoKey } from '../keys/demo-keys.js';
import { RECONNECT_MS_DEFAULT } from '../limits.js';
import { MODEL_KEYS, ModelMeter, planOf } from '../world/model-meter.test-support.js';
import { createWorld, worldTime, type World } from '../world/world.js';
import { hostMeter, type HostedMeter } from './host-meter.js';
import { runSender, type SendOptions, type SendReport } from './run-sender.js';
import { onVirtualTime, rest } from './virtual-time.test-support.js';

const plan = planOf();
const base = { plan, crypto: modelCrypto(), deviceKey: MODEL_KEYS.device.publicKey };

class Bench {
  readonly world: World = createWorld({ seed: 1 });
  readonly meter: ModelMeter = new ModelMeter();
  readonly hosted: HostedMeter = hostMeter(this.meter, { time: worldTime(this.world) });
  readonly pairs: MemoryPair[] = [];
  readonly openedAtMs: number[] = [];
  readonly events: string[] = [];
  framing: 'stream' | 'message' = 'stream';
  /** What each opening in turn meets; a link when there is none. */
  obstacles: (LinkErrorCode | Error | 'silent' | undefined)[] = [];

  openLink = async (): Promise<Link> => {
    this.openedAtMs.push(this.world.now());
    const obstacle = this.obstacles.shift();
    if (obstacle === 'silent') return new Promise(() => undefined);
    if (obstacle instanceof Error) throw obstacle;
    if (obstacle !== undefined) throw new LinkError(obstacle, `no link: ${obstacle}`);
    const pair = memoryPair({ framing: this.framing });
    this.pairs.push(pair);
    this.hosted.attach(pair.b);
    return pair.a;
  };

  send(options: Partial<SendOptions> = {}): Promise<SendReport> {
    const onEvent: SendOptions['onEvent'] = (event) => {
      this.events.push(event.kind);
      options.onEvent?.(event);
    };
    return runSender({ ...base, openLink: this.openLink, time: worldTime(this.world), ...options, onEvent });
  }

  run(options: Partial<SendOptions> = {}): Promise<SendReport> {
    return onVirtualTime(this.world, this.send(options));
  }
}

/** Unplugs the last link, once, when so many blocks are durable. */
function unplugAt(bench: Bench, blocks: number): NonNullable<SendOptions['onEvent']> {
  let isDone = false;
  return (event) => {
    if (isDone || event.kind !== 'progress' || event.durableBlocks < blocks) return;
    isDone = true;
    bench.pairs.at(-1)!.unplug();
  };
}

function changedLink(link: Link, changed: Partial<Link>): Link {
  return {
    label: link.label,
    capabilities: link.capabilities,
    get bufferedBytes() {
      return link.bufferedBytes;
    },
    send: (octets) => link.send(octets),
    onReceive: (handler) => link.onReceive(handler),
    onClose: (handler) => link.onClose(handler),
    close: () => link.close(),
    ...changed,
  };
}

/** Gives what comes one octet at a time. */
function singly(link: Link): Link {
  return changedLink(link, {
    onReceive: (handler) =>
      link.onReceive((octets) => {
        for (const octet of octets) handler(Uint8Array.of(octet));
      }),
  });
}

/** A closed link drops what it is given; an open one holds it until the next turn. */
async function isClosed(link: Link): Promise<boolean> {
  await rest();
  link.send(Uint8Array.of(0));
  return link.bufferedBytes === 0;
}

describe('a run', () => {
  it.each(['stream', 'message'] as const)('over a %s link is done, and closes the link', async (framing) => {
    const bench = new Bench();
    bench.framing = framing;
    const { result, meter, stats, linkError } = await bench.run();
    expect(result).toMatchObject({ kind: 'done', what: 'activated', attested: true });
    expect(bench.meter.flash.slot).toEqual(plan.manufacturerImage);
    expect(meter?.deviceId).toEqual(Uint8Array.of(0x00, 0x1d, 0x12, 0, 0, 0, 0, 1));
    expect(stats.dataFrames).toBeGreaterThan(70);
    expect(linkError).toBeUndefined();
    expect(bench.events.slice(0, 3)).toEqual(['link-up', 'meter-found', 'accepted']);
    expect(await isClosed(bench.pairs[0]!.a)).toBe(true);
  });

  it('over a line that gives every octet on its own is done', async () => {
    const bench = new Bench();
    const pair = memoryPair({ framing: 'stream' });
    bench.hosted.attach(singly(pair.b));
    const { result } = await bench.run({ openLink: async () => singly(pair.a) });
    expect(result).toMatchObject({ kind: 'done', what: 'activated' });
  });

  it('on the real clock with real signatures is done as well', async () => {
    const keys = {
      manufacturer: demoKey('manufacturer'),
      supplier: demoKey('supplier'),
      dco: demoKey('dco'),
      device: demoKey('device'),
    };
    const real = planOf({ keys, crypto: nodeCrypto(), imageBytes: 5_000 });
    const meter = new ModelMeter(keys, nodeCrypto());
    const hosted = hostMeter(meter);
    const pair = memoryPair({ framing: 'stream' });
    hosted.attach(pair.b);
    const { result } = await runSender({ plan: real, openLink: async () => pair.a, deviceKey: keys.device.publicKey });
    expect(result).toMatchObject({ kind: 'done', what: 'activated', attested: true });
    expect(meter.flash.slot).toEqual(real.manufacturerImage);
    await hosted.stop();
  });

  it('without the key of the device says that nothing is attested', async () => {
    const bench = new Bench();
    const { deviceKey: _, ...keyless } = base;
    const report = await onVirtualTime(
      bench.world,
      runSender({ ...keyless, openLink: bench.openLink, time: worldTime(bench.world) }),
    );
    expect(report.result).toMatchObject({ kind: 'done', attested: false });
  });

  it('throws what a handler of the caller throws, and closes the link', async () => {
    const bench = new Bench();
    const onEvent = (event: { readonly kind: string }): void => {
      if (event.kind === 'accepted') throw new RangeError('the screen is full');
    };
    await expect(bench.run({ onEvent })).rejects.toThrow('the screen is full');
    expect(await isClosed(bench.pairs[0]!.a)).toBe(true);
  });
});

describe('a first link that cannot be opened', () => {
  it.each(['bad-address', 'permission', 'busy', 'unauthorised', 'refused', 'not-found', 'timeout', 'io'] as const)(
    'ends the run at once: %s',
    async (code) => {
      const bench = new Bench();
      bench.obstacles = [code];
      const report = await bench.run();
      expect(report.result).toMatchObject({ kind: 'failed', reason: 'no-answer' });
      expect(report.linkError).toMatchObject({ code });
      expect(report.meter).toBeUndefined();
      expect(bench.openedAtMs).toEqual([0]);
      expect(bench.events).toEqual(['link-failed']);
    },
  );

  it('is given up when its adapter never answers', async () => {
    const bench = new Bench();
    bench.obstacles = ['silent'];
    const report = await bench.run();
    expect(report.linkError).toMatchObject({ code: 'timeout' });
    expect(bench.world.now()).toBe(10_000);
  });

  it('counts as an error of the line when the system says so, and is thrown when it is a defect', async () => {
    const bench = new Bench();
    bench.obstacles = [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })];
    expect((await bench.run()).linkError).toMatchObject({ code: 'io', message: 'connect ECONNREFUSED' });
    const other = new Bench();
    other.obstacles = [new TypeError('x is not a function')];
    await expect(other.run()).rejects.toThrow('x is not a function');
  });
});

describe('a link that is lost', () => {
  it('is opened again, and the transfer goes on where it was', async () => {
    const bench = new Bench();
    const { result, stats } = await bench.run({ onEvent: unplugAt(bench, 30) });
    expect(result).toMatchObject({ kind: 'done', what: 'activated' });
    expect(stats.sessions).toBe(2);
    expect(bench.events.filter((kind) => kind.startsWith('link-'))).toEqual(['link-up', 'link-lost', 'link-up']);
    expect(bench.openedAtMs).toEqual([0, 100]);
    expect(bench.meter.flash.slot).toEqual(plan.manufacturerImage);
  });

  it('is asked for again after 100 ms doubling to 2 s, also where a first opening would have been the end', async () => {
    const bench = new Bench();
    bench.obstacles = [undefined, 'busy', 'permission', 'not-found', 'refused', 'timeout', 'io', undefined];
    const { result, linkError } = await bench.run({ onEvent: unplugAt(bench, 30) });
    expect(result).toMatchObject({ kind: 'done' });
    expect(linkError).toBeUndefined();
    const lostAtMs = bench.openedAtMs[1]! - 100;
    expect(bench.openedAtMs.slice(1).map((ms) => ms - lostAtMs)).toEqual([100, 300, 700, 1_500, 3_100, 5_100, 7_100]);
  });

  it('is no reason any more once the meter was heard again', async () => {
    const bench = new Bench();
    bench.obstacles = [undefined, 'not-found', undefined];
    const controller = new AbortController();
    const unplug = unplugAt(bench, 30);
    const { result, linkError } = await bench.run({
      signal: controller.signal,
      onEvent: (event) => {
        unplug(event);
        if (event.kind === 'accepted' && bench.openedAtMs.length === 3) controller.abort();
      },
    });
    expect(bench.openedAtMs).toHaveLength(3);
    expect(result).toMatchObject({ kind: 'failed', reason: 'interrupted' });
    expect(linkError).toBeUndefined();
  });

  it('is given up when its time is over, with the last reason', async () => {
    const bench = new Bench();
    bench.obstacles = [undefined, ...Array.from({ length: 50 }, () => 'not-found' as const)];
    const report = await bench.run({ onEvent: unplugAt(bench, 30) });
    expect(report.result).toMatchObject({
      kind: 'failed',
      reason: 'interrupted',
      detail: expect.stringContaining('15000 ms'),
    });
    expect(report.linkError).toMatchObject({ code: 'not-found' });
    expect(bench.world.now() - (bench.openedAtMs[1]! - 100)).toBe(RECONNECT_MS_DEFAULT);
  });

  it.each(['bad-address', 'unauthorised'] as const)(
    'is given up at once when it can never come back: %s',
    async (code) => {
      const bench = new Bench();
      bench.obstacles = [undefined, code];
      const report = await bench.run({ onEvent: unplugAt(bench, 30) });
      expect(report.result).toMatchObject({ kind: 'failed', reason: 'interrupted' });
      expect(report.linkError).toMatchObject({ code });
      expect(bench.openedAtMs).toHaveLength(2);
    },
  );

  it('does not earn new time by opening and closing again without a word of the meter', async () => {
    const bench = new Bench();
    const onEvent: NonNullable<SendOptions['onEvent']> = (event) => {
      if (event.kind === 'link-up') bench.world.at(bench.world.now() + 5, () => bench.pairs.at(-1)!.unplug());
    };
    const openLink = async (): Promise<Link> => {
      bench.pairs.push(memoryPair({ framing: 'stream' }));
      return bench.pairs.at(-1)!.a;
    };
    const { result } = await bench.run({ openLink, onEvent, reconnectMs: 3_000 });
    expect(result).toMatchObject({ kind: 'failed', reason: 'no-answer' });
    expect(bench.world.now()).toBe(5 + 3_000);
    expect(bench.pairs.length).toBeGreaterThan(4);
  });
});

describe('a link that stays silent', () => {
  it('ends the run without an answer, and is closed', async () => {
    const bench = new Bench();
    const pair = memoryPair({ framing: 'stream' });
    const { result, linkError } = await bench.run({ openLink: async () => pair.a });
    expect(result).toMatchObject({ kind: 'failed', reason: 'no-answer' });
    expect(linkError).toBeUndefined();
    expect(await isClosed(pair.a)).toBe(true);
  });

  it('whose messages are too short for our frames fails with that reason', async () => {
    const bench = new Bench();
    const pair = memoryPair({ framing: 'message', messageBytesMax: 200 });
    bench.hosted.attach(pair.b);
    const { result, linkError } = await bench.run({ openLink: async () => pair.a });
    expect(result).toMatchObject({ kind: 'failed', reason: 'interrupted' });
    expect(linkError).toMatchObject({ code: 'too-large' });
  });
});

describe('a signal', () => {
  it('ends the run, tells the meter why, and the next run goes on where it was', async () => {
    const bench = new Bench();
    const controller = new AbortController();
    const heard: unknown[] = [];
    const hear = bench.meter.hear.bind(bench.meter);
    bench.meter.hear = (frame, nowMs) => {
      const received = decodeHostMessage(frame);
      if (received.kind === 'message') heard.push(received.envelope.message);
      return hear(frame, nowMs);
    };
    const report = await bench.run({
      signal: controller.signal,
      onEvent: (event) => {
        if (event.kind === 'progress' && event.durableBlocks > 30) controller.abort();
      },
    });
    expect(report.result).toMatchObject({ kind: 'failed', reason: 'interrupted' });
    await rest();
    expect(heard.at(-1)).toEqual({ kind: 'abort', reason: 2 });
    const next: SenderPlan = { ...plan, random: Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9) };
    const { result, stats } = await bench.run({ plan: next });
    expect(result).toMatchObject({ kind: 'done', what: 'activated' });
    expect(stats.resumedFromBlocks).toBeGreaterThan(30);
  });

  it('that came before the run opens nothing', async () => {
    const bench = new Bench();
    const { result } = await bench.run({ signal: AbortSignal.abort() });
    expect(result).toMatchObject({ kind: 'failed', reason: 'interrupted' });
    expect(bench.openedAtMs).toEqual([]);
  });

  it('during an opening ends the run at once, and the link that comes too late is closed', async () => {
    const bench = new Bench();
    const controller = new AbortController();
    const pair = memoryPair({ framing: 'stream' });
    let arrive: (link: Link) => void = () => undefined;
    const run = bench.send({
      signal: controller.signal,
      openLink: () =>
        new Promise((resolve) => {
          arrive = resolve;
        }),
    });
    await rest();
    controller.abort();
    await expect(run).resolves.toMatchObject({ result: { kind: 'failed', reason: 'interrupted' } });
    arrive(pair.a);
    expect(await isClosed(pair.a)).toBe(true);
  });

  it('while the link is lost ends the run at once', async () => {
    const bench = new Bench();
    const controller = new AbortController();
    bench.obstacles = [undefined, 'not-found'];
    const unplug = unplugAt(bench, 30);
    const report = await bench.run({
      signal: controller.signal,
      onEvent: (event) => {
        unplug(event);
        if (event.kind === 'link-failed') controller.abort();
      },
    });
    expect(report.result).toMatchObject({ kind: 'failed', reason: 'interrupted' });
    expect(bench.openedAtMs).toHaveLength(2);
  });
});

describe('the end of a run', () => {
  it.each([
    ['once what was sent has left', 700, 700],
    ['after two seconds, should it never leave', Infinity, 2_000],
  ])('closes the link %s', async (_, emptyAfterMs, closedAfterMs) => {
    const bench = new Bench();
    const controller = new AbortController();
    const link = await bench.openLink();
    let [abortedAtMs, closedAtMs] = [Infinity, Infinity];
    const full: Link = Object.defineProperty(
      changedLink(link, {
        close: () => {
          closedAtMs = bench.world.now();
          return link.close();
        },
      }),
      'bufferedBytes',
      { get: () => (bench.world.now() < abortedAtMs + emptyAfterMs ? 1 : 0) },
    );
    await bench.run({
      openLink: async () => full,
      signal: controller.signal,
      onEvent: (event) => {
        if (event.kind !== 'accepted') return;
        abortedAtMs = bench.world.now();
        controller.abort();
      },
    });
    expect(closedAtMs).toBe(abortedAtMs + closedAfterMs);
  });
});

describe('a slow line', () => {
  it('is paced by its own rate, so that its queue is never mistaken for silence', async () => {
    const bench = new Bench();
    const slow = { capabilities: { framing: 'stream', octetsPerSecond: 960 } } as const;
    const { result } = await bench.run({ openLink: async () => changedLink(await bench.openLink(), slow) });
    expect(result).toMatchObject({ kind: 'done' });
    // 25 kB of blocks and signatures at 960 octets a second.
    expect(bench.world.now()).toBeGreaterThan(24_000);
    expect(bench.world.now()).toBeLessThan(40_000);
  });
});

describe('a hosted meter', () => {
  it('that throws is stopped, its link closed, and the error told', async () => {
    const failures: unknown[] = [];
    const meter = new ModelMeter();
    meter.hear = () => {
      throw new RangeError('the model broke');
    };
    const hosted = hostMeter(meter, { onFailure: (error) => failures.push(error) });
    const pair = memoryPair({ framing: 'message' });
    hosted.attach(pair.b);
    pair.a.send(Uint8Array.of(1));
    pair.a.send(Uint8Array.of(2));
    expect(await isClosed(pair.a)).toBe(true);
    expect(failures).toEqual([new RangeError('the model broke')]);
  });

  it('has one port: a new link closes the old one', async () => {
    const hosted = hostMeter(new ModelMeter());
    const [old, young] = [memoryPair({ framing: 'message' }), memoryPair({ framing: 'message' })];
    hosted.attach(old.b);
    hosted.attach(young.b);
    expect(await isClosed(old.a)).toBe(true);
    expect(await isClosed(young.a)).toBe(false);
    await hosted.stop();
    expect(await isClosed(young.a)).toBe(true);
  });
});
