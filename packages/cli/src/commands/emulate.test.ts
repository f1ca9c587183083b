/** Goal: whoever sits at the console, or drives the control API, does to the meter what the words say; a sender sees what follows from it. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { call, start, testFolder, type Called, type Running } from '../test-support/call.js';
import { makeRelease } from '../test-support/release.js';

const folder = testFolder();
afterAll(folder.remove);
const at = (name: string): string => join(folder.path, name);
const smets1 = async (...args: readonly string[]): Promise<Called> => await call(folder.path, ...args, '--json');
beforeAll(async () => {
  await makeRelease(folder.path, { bytes: 60_000 });
});

let bench: Running | undefined;
afterEach(async () => {
  bench?.interrupt();
  const ended = await bench?.done;
  bench = undefined;
  if (ended !== undefined) expect(ended.result).toMatchObject({ event: 'result', outcome: 'done', exitCode: 0 });
});

type Fields = Readonly<Record<string, unknown>>;

async function benchOn(...more: readonly string[]): Promise<Fields> {
  bench = start(folder.path, ['emulate', '--trust', 'keys', '--ws', '127.0.0.1:0', '--json', ...more]);
  return await bench.event('ready');
}

let asked = 0;
/** The answer to a line, or its refusal. */
async function say(line: string): Promise<Fields> {
  const mark = `mark-${(asked += 1)}`;
  const running = bench!;
  const before = running.soFar().length;
  running.line(line);
  running.line(mark);
  await running.event('refused', (event) => event['line'] === mark);
  const told = running.soFar().slice(before);
  return told.find(({ event }) => event === 'answer' || event === 'refused') ?? {};
}

describe('the console', () => {
  it('inspects, cuts, switches on, and says what it does not know', async () => {
    await benchOn('--clock', 'virtual', '--seed', '42');
    expect(await say('state')).toMatchObject({
      command: 'state',
      answer: { seed: 42, power: { kind: 'on' }, clock: { kind: 'virtual', utc: '2026-01-01T00:00:00Z' } },
    });
    expect(await say('cut +2 tear 3')).toMatchObject({ answer: { awaits: { inOperations: 2, fault: { torn: 3 } } } });
    expect(await say('advance 2h')).toMatchObject({ answer: { utc: '2026-01-01T02:00:00Z' } });
    expect(await bench!.event('power-lost')).toMatchObject({ fault: { kind: 'cut', phase: 'during', torn: 3 } });
    expect(await say('meter')).toMatchObject({ event: 'refused', code: 'no-power' });
    expect(await say('power on')).toMatchObject({ answer: { power: { kind: 'on' } } });
    expect(await say('meter')).toMatchObject({ answer: { view: { supplyState: 'enabled' }, logs: expect.anything() } });
    expect(await say('command {"kind":"disable-supply"}')).toMatchObject({ answer: { ok: true } });
    expect(await say('meter')).toMatchObject({ answer: { view: { supplyState: 'disabled' } } });
    expect(await say('command {"kind":"explode"}')).toMatchObject({ event: 'refused', code: 'usage' });
    expect(await say('fly')).toMatchObject({ event: 'refused', detail: expect.stringContaining('help') });
    expect(await say('cut 1')).toMatchObject({ event: 'refused', detail: expect.stringContaining('past') });
    expect(await say('help')).toMatchObject({
      usage: expect.arrayContaining(['snapshot FILE', 'restore FILE', 'fork']),
    });
    expect(await say('log 3')).toMatchObject({ answer: { events: { length: 3 } } });
  });

  it('keeps, brings back and forks, and asks a fork by its name', async () => {
    await benchOn('--clock', 'virtual');
    expect(await say('snapshot first.flash')).toMatchObject({ bytes: statSync(at('first.flash')).size });
    expect(await say('snapshot first.flash')).toMatchObject({ event: 'refused', code: 'file-exists' });
    await say('advance 7d');
    const { answer: fork } = (await say('fork')) as { answer: { meter: string; ws: string } };
    expect(fork.meter).toBe('fork-1');
    expect(await say('restore first.flash')).toMatchObject({ answer: { power: { kind: 'on' } } });
    const wh = async (line: string): Promise<number> =>
      ((await say(line)) as { answer: { view: { activeImportRegisterWh: number } } }).answer.view
        .activeImportRegisterWh;
    expect(await wh('meter')).toBe(0);
    expect(await wh('fork-1: meter')).toBeGreaterThan(40_000);
    expect(await say('fork-1: power cut')).toMatchObject({ answer: { power: { how: 'cut' } } });
    expect(await say('state')).toMatchObject({ answer: { power: { kind: 'on' }, meters: ['main', 'fork-1'] } });
    expect(await say('fork-9: state')).toMatchObject({ event: 'refused', code: 'usage' });
    expect(await say('restore firmware.bin')).toMatchObject({ event: 'refused', code: 'bad-magic' });
    expect((await smets1('flash-file', 'inspect', 'first.flash')).exitCode).toBe(0);
  });

  it('reads a fault script, and strikes as it says', async () => {
    writeFileSync(
      at('faults.json'),
      JSON.stringify([
        { inOperations: 4, fault: { kind: 'cut', torn: 2 } },
        { atMs: 9_000_000, fault: { kind: 'power-off', ms: 1_000 } },
      ]),
    );
    await benchOn('--clock', 'virtual', '--faults', 'faults.json');
    await say('advance 4h');
    await bench!.event('power-lost');
    const kinds = bench!.soFar().map(({ event }) => event);
    expect(kinds.filter((kind) => kind === 'power-on')).toHaveLength(3);
    expect(kinds).toContain('power-off');
    expect(await say('state')).toMatchObject({ answer: { power: { kind: 'on' }, struck: { cuts: 1 } } });
  });

  it('ends the bench with quit', async () => {
    await benchOn();
    bench!.line('quit');
    expect((await bench!.done).result).toMatchObject({ exitCode: 0 });
  });
});

describe('options', () => {
  it.each([
    [['--faults', 'none.json'], 'file-missing'],
    [['--faults', 'package.s1pk'], 'usage'],
    [['--faults', 'bad-faults.json'], 'usage'],
    [['--start', '2026-01-01T00:00:00Z'], 'usage'],
    [['--control', '0.0.0.0:0'], 'usage'],
    [['--control-token-file', 'x'], 'usage'],
    [['--load', '1', '--load-csv', 'x'], 'usage'],
    [['--load-csv', 'bad.csv'], 'usage'],
    [['--profile', 'no-such-family'], 'file-missing'],
    [['--print-profile', 'no-such-family'], 'usage'],
  ])('%j are refused as %s', async (args, code) => {
    writeFileSync(at('bad-faults.json'), JSON.stringify([{ atOperation: 812, fault: { kind: 'cut', tear: 3 } }]));
    writeFileSync(at('bad.csv'), 'time,import_wh\nyesterday,3\n');
    expect((await smets1('emulate', '--trust', 'keys', ...args)).result).toMatchObject({ exitCode: 2, code });
  });

  it('print a family that can be given back, and run it', async () => {
    const printed = await smets1('emulate', '--print-profile', 'zero-erased');
    writeFileSync(at('mine.json'), JSON.stringify(printed.result['profile']));
    await benchOn('--profile', 'mine.json', '--clock', 'virtual');
    expect(await say('state')).toMatchObject({ answer: { flash: { erasedValue: '00', sectorCount: 256 } } });
  });

  it('say what the home draws', async () => {
    writeFileSync(at('load.csv'), 'time,import_w\n2026-01-01T00:00:00Z,1000\n2026-01-01T00:30:00Z,0\n');
    await benchOn('--load-csv', 'load.csv', '--clock', 'virtual');
    await say('advance 2h');
    expect(await say('meter')).toMatchObject({ answer: { view: { activeImportRegisterWh: 1_000 } } });
  });
});

describe('a sender', () => {
  it('that loses the meter in the middle finishes when the power is back', async () => {
    const { ws, operations } = await benchOn();
    await say(`cut ${Number(operations) + 60} tear 5 on-after 300ms`);
    const line = [
      'flash',
      'package.s1pk',
      '--to',
      String(ws),
      '--activate',
      'activate.auth',
      '--device-key',
      'keys/device.pub.pem',
    ];
    expect((await smets1(...line)).result).toMatchObject({ outcome: 'activated', exitCode: 0, attested: true });
    await bench!.event('power-lost');
  });

  it('has no answer from a meter without power', async () => {
    const { ws } = await benchOn();
    await say('power off');
    const { result } = await smets1('read-version', '--to', String(ws));
    expect(result).toMatchObject({ outcome: 'no-answer', exitCode: 11 });
  });

  it('that takes over from another one is told of', async () => {
    const { ws } = await benchOn();
    const slow = start(folder.path, ['flash', 'package.s1pk', '--to', String(ws), '--rate', '5000', '--json']);
    await slow.event('meter-found');
    await smets1('read-version', '--to', String(ws));
    expect(await bench!.event('detached', ({ reason }) => reason !== undefined)).toMatchObject({
      detail: expect.stringContaining('another sender took over'),
    });
    slow.interrupt();
    await slow.done;
  });
});

describe('the control API', () => {
  it('makes its token for nobody else, and takes it with it', async () => {
    const ready = await benchOn('--control', '127.0.0.1:0');
    const file = String(ready['controlTokenFile']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    bench!.interrupt();
    await bench!.done;
    expect(existsSync(file)).toBe(false);
  });

  it('tells what happens as it happens, and does one thing after the other', async () => {
    const ready = await benchOn('--control', '127.0.0.1:0', '--control-token-file', 'token', '--clock', 'virtual');
    const headers = {
      authorization: `Bearer ${readFileSync(at('token'), 'utf8').trim()}`,
      'content-type': 'application/json',
    };
    const url = String(ready['control']);
    const post = async (path: string, body: unknown): Promise<Fields> =>
      (await (await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json()) as Fields;
    const events = await fetch(`${url}/v1/events`, { headers });
    const reader = events.body!.getReader();
    const [first, second] = await Promise.all([
      post('/v1/clock', { advanceMs: 86_400_000 }),
      post('/v1/power', { power: 'off' }),
    ]);
    expect(first).toMatchObject({ nowMs: 86_400_000 });
    expect(second).toMatchObject({ power: { kind: 'off' } });
    let text = '';
    while (!text.includes('event: power-off')) {
      // eslint-disable-next-line no-await-in-loop -- piece after piece
      const { value, done } = await reader.read();
      if (done) break;
      text += new TextDecoder().decode(value as Uint8Array);
    }
    // Two connections: either may be heard first, but the other one then waits for its end.
    const isClockFirst = text.includes('event: clock');
    expect(text).toContain(`event: power-off\ndata: {"atMs":${isClockFirst ? 86_400_000 : 0},"meter":"main"`);
    await reader.cancel();
  });
});
