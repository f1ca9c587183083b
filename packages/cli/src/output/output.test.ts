import { describe, expect, it } from 'vitest';
import { NO_INPUT } from '../console/input.js';
import type { Shell, Terminal } from '../shell.js';
import { progressDisplay } from './progress.js';
import { jsonReporter, textReporter } from './reporter.js';
import { duration, rows, toned } from './style.js';

function terminal(options: Partial<Terminal> = {}): Terminal & { text: () => string } {
  let text = '';
  return {
    write: (more) => void (text += more),
    isTty: false,
    columns: 80,
    color: false,
    ...options,
    text: () => text,
  };
}

function shellOf(stdout: Terminal, stderr: Terminal): Shell {
  const interruption = (): AbortSignal => new AbortController().signal;
  return {
    stdout,
    stderr,
    input: async () => await Promise.resolve(NO_INPUT),
    env: {},
    folder: '/',
    nowMs: () => 0,
    interruption,
  };
}

describe('progress', () => {
  const send = (display: ReturnType<typeof progressDisplay>, clock: { nowMs: number }): void => {
    for (let percent = 0; percent <= 100; percent++) {
      clock.nowMs += 50;
      display.show({ label: 'sending', doneBytes: percent * 1000, totalBytes: 100_000 });
    }
  };

  it('is a few plain lines where nobody watches', () => {
    const [out, clock] = [terminal(), { nowMs: 0 }];
    send(
      progressDisplay(out, () => clock.nowMs),
      clock,
    );
    const lines = out.text().trimEnd().split('\n');
    expect(lines).toHaveLength(11);
    expect(lines[5]).toBe('sending: 50,000 of 100,000 octets, 50 %, 20,000 octets/s, 3 s left');
    expect(out.text()).not.toContain('\r');
  });

  it('is one line drawn over itself on a terminal, never wider than it', () => {
    const [out, clock] = [terminal({ isTty: true, columns: 40 }), { nowMs: 0 }];
    const display = progressDisplay(out, () => clock.nowMs);
    send(display, clock);
    display.clear();
    expect(out.text()).not.toContain('\n');
    const drawn = out.text().split('\r\u001B[K');
    expect(drawn.length).toBeGreaterThan(40);
    expect(Math.max(...drawn.map((line) => line.length))).toBe(39);
    expect(drawn.at(-1)).toBe('');
  });

  it('counts no octets that the meter held before as speed', () => {
    const [out, clock] = [terminal({ isTty: true, columns: 200 }), { nowMs: 0 }];
    const display = progressDisplay(out, () => clock.nowMs);
    display.show({ label: 'sending', doneBytes: 90_000, totalBytes: 100_000 });
    clock.nowMs = 1000;
    display.show({ label: 'sending', doneBytes: 91_000, totalBytes: 100_000 });
    expect(out.text()).toContain('91 %, 1,000 octets/s, 9 s left');
  });

  it('counts meters as it counts octets', () => {
    const [out, clock] = [terminal({ isTty: true, columns: 200 }), { nowMs: 0 }];
    const display = progressDisplay(out, () => clock.nowMs);
    display.show({ label: 'updating', doneMeters: 0, totalMeters: 1_200 });
    clock.nowMs = 1000;
    display.show({ label: 'updating', doneMeters: 40, totalMeters: 1_200 });
    expect(out.text()).toContain('updating: 40 of 1,200 meters, 3 %, 40 meters/s, 29 s left');
  });
});

describe('reports', () => {
  it('are one JSON object a line for programs, octets in hex and long numbers whole', () => {
    const [out, err] = [terminal(), terminal()];
    const report = jsonReporter(shellOf(out, err));
    report.event('one', { octets: Uint8Array.of(0xab, 0x01), counter: (1n << 63n) - 1n, small: 7n }, 'for people');
    report.warn('careful');
    report.progress({ label: 'x', doneBytes: 1, totalBytes: 2 });
    report.failure({ outcome: 'refused', exitCode: 12 }, 'why', 'what to do');
    const lines = out
      .text()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toEqual([
      { event: 'one', octets: 'ab01', counter: '9223372036854775807', small: 7 },
      { event: 'warning', detail: 'careful' },
      { event: 'progress', doneBytes: 1, totalBytes: 2 },
      { event: 'result', outcome: 'refused', exitCode: 12, detail: 'why', wayOut: 'what to do' },
    ]);
    expect(err.text()).toBe('');
  });

  it('are sentences for people: results on stdout, progress and failures on stderr', () => {
    const [out, err] = [terminal(), terminal({ isTty: true })];
    const report = textReporter(shellOf(out, err));
    report.event('silent', {});
    report.event('said', {}, 'it happened');
    report.progress({ label: 'sending', doneBytes: 1, totalBytes: 2 });
    report.failure({}, 'it broke', 'mend it');
    expect(out.text()).toBe('it happened\n');
    expect(err.text()).toContain('sending: 1 of 2 octets');
    // The progress line is taken away before the next word is said.
    expect(err.text().endsWith('\r\u001B[Ksmets1: it broke\n        mend it\n')).toBe(true);
  });

  it('are coloured only on a terminal that shows colours', () => {
    expect(toned(terminal(), 'bad', 'no')).toBe('no');
    expect(toned(terminal({ color: true }), 'bad', 'no')).toContain('\u001B[31m');
  });
});

it('words are aligned, and durations are said as people say them', () => {
  expect(
    rows([
      ['a', '1'],
      ['long', '2'],
      ['left out', undefined],
    ]),
  ).toBe('a     1\nlong  2');
  expect([duration(900), duration(65_000), duration(3_700_000)]).toEqual(['1 s', '1 min 05 s', '1 h 01 min']);
});
