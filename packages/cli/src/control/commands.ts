/** What a bench can be asked to do: one table, for the lines of the console and for the requests of the control API. */
import { CliError } from '../errors.js';
import { nowS } from '../meter/bench-clock.js';
import type { BenchEvent } from '../meter/bench-events.js';
import { faultText, type AwaitedFault } from '../meter/bench-faults.js';
import type { Bench, Station } from '../meter/bench.js';
import { registersText } from '../inspect/flash-picture.js';
import { counted, rows } from '../output/style.js';
import {
  clockView,
  commandMeter,
  meterText,
  meterView,
  stateOf,
  stateText,
  type ClockView,
  type StateView,
} from './bench-state.js';
import { readMeterCommand } from './meter-command.js';
import { cutOf, readClock, readFaults, readLog, readNothing, readOctets, readPower, type Reader } from './schemas.js';
import { clockOf, cutWords, faultWords, jsonOf, noWords, oneOf } from './words.js';

/** Who is asked. */
export interface Target {
  readonly bench: Bench;
  readonly station: Station;
}

export interface BenchCommand<INPUT = unknown, ANSWER extends object = object> {
  readonly name: string;
  readonly brief: string;
  /** How the console writes it; `help` shows these. */
  readonly usage: readonly string[];
  /** How the control API asks for it; none for what only the console has. */
  readonly route?: { readonly method: 'GET' | 'POST'; readonly path: string };
  /** @throws {@link CliError} `usage` for an input that is not as it should be */
  readonly read: Reader<INPUT>;
  /** The words behind the name as that input, unchecked. @throws {@link CliError} `usage` */
  readonly words: (words: readonly string[], name: string) => unknown;
  /** What the last word of the console names: a file to read the octets from that are the input, or to write the answer to. */
  readonly file?: 'input' | 'answer';
  /** @throws {@link CliError}, and what flash, files and links throw */
  readonly run: (target: Target, input: INPUT) => ANSWER | Promise<ANSWER>;
  /** The answer for people. */
  readonly show: (answer: ANSWER) => string;
}

/** Keeps the types of one row together; the table forgets them. */
function command<INPUT, ANSWER extends object>(row: BenchCommand<INPUT, ANSWER>): BenchCommand {
  return row as unknown as BenchCommand;
}

const state = command({
  name: 'state',
  brief: 'everything about a meter: power, clock, faults to come, boot state, slots, firmware',
  usage: ['state'],
  route: { method: 'GET', path: '/v1/state' },
  read: readNothing,
  words: noWords,
  run: ({ bench, station }): StateView => stateOf(bench, station),
  show: stateText,
});

const meter = command({
  name: 'meter',
  brief: 'registers, balances, load switch, clock and logs of the meter',
  usage: ['meter'],
  route: { method: 'GET', path: '/v1/meter' },
  read: readNothing,
  words: noWords,
  run: ({ station }) => meterView(station),
  show: meterText,
});

interface PowerAnswer {
  readonly power: Station['meter']['power']['state'];
  readonly operations: number;
  /** The cut that now waits. */
  readonly awaits?: AwaitedFault;
}

const power = command({
  name: 'power',
  brief: 'the lever: off (registers saved), on, cut (at once), or cut at a flash operation',
  usage: [
    'power off|on|cut',
    'cut OPERATION|+N [before|after] [tear N] [bits] [weak] [neighbour] [seed N] [on-after 2s]',
  ],
  route: { method: 'POST', path: '/v1/power' },
  read: readPower,
  words: (words, name) => (name === 'cut' ? cutWords(words) : { power: oneOf(words, ['off', 'on', 'cut']) }),
  run({ station: { meter: target } }, input): PowerAnswer {
    const { power: lever, faults, flash } = target;
    let awaits: AwaitedFault | undefined;
    if (input.power === 'on') lever.on();
    else if (input.power === 'off') lever.off(input.powerOnAfterMs ?? undefined);
    else if (input.atOperation === undefined && input.inOperations === undefined)
      lever.cut(input.powerOnAfterMs ?? undefined);
    else faults.add([(awaits = cutOf(input))]);
    return { power: lever.state, operations: flash.operationCount, ...(awaits && { awaits }) };
  },
  show: ({ power: now, operations, awaits }) =>
    awaits === undefined
      ? `power ${now.kind}, after flash operation ${counted(operations)}`
      : `waits: ${faultText(awaits.fault)} at operation ${counted(awaits.atOperation ?? operations + (awaits.inOperations ?? 0))}; flash has had ${counted(operations)}`,
});

const faults = command({
  name: 'faults',
  brief: 'faults that wait; rot, stuck bits and broken sectors at once or later; a script of them',
  usage: [
    'faults',
    'faults clear',
    'faults SCRIPT.json',
    'rot OFFSET MASK',
    'stick OFFSET MASK VALUE',
    'break SECTOR program-fails|erase-fails|read-fails|program-lies|erase-lies',
  ],
  route: { method: 'POST', path: '/v1/faults' },
  read: readFaults,
  words: faultWords,
  run({ station: { meter: target } }, { clear, faults: more }) {
    const cleared = clear ? target.faults.clear() : 0;
    target.faults.add(more);
    return { cleared, pending: target.faults.pending, operations: target.flash.operationCount };
  },
  show: ({ cleared, pending, operations }) =>
    [
      ...(cleared > 0 ? [`${cleared} forgotten`] : []),
      ...pending.map(
        ({ fault, atOperation, atMs }) =>
          `waits: ${faultText(fault)} at ${atOperation === undefined ? `${atMs} ms` : `operation ${counted(atOperation)}`}`,
      ),
      ...(pending.length === 0 ? [`no fault waits; flash has had ${counted(operations)} operations`] : []),
    ].join('\n'),
});

const snapshot = command({
  name: 'snapshot',
  brief: 'what flash holds now, as a flash file',
  usage: ['snapshot FILE'],
  route: { method: 'POST', path: '/v1/snapshot' },
  read: readNothing,
  words: noWords,
  file: 'answer',
  run: ({ station }): Uint8Array => station.meter.snapshot(),
  show: (octets) => `${counted(octets.length)} octets; --flash FILE starts a meter from it`,
});

const restore = command({
  name: 'restore',
  brief: 'flash becomes what a snapshot held, and the meter boots from it',
  usage: ['restore FILE'],
  route: { method: 'POST', path: '/v1/restore' },
  read: readOctets,
  words: noWords,
  file: 'input',
  run({ bench, station }, octets) {
    station.meter.restore(octets);
    return { power: station.meter.power.state, nowS: nowS(bench.clock) };
  },
  show: ({ power: now }) => `restored; power ${now.kind}`,
});

const fork = command({
  name: 'fork',
  brief: 'a second meter with the same flash, faults and all, at a WebSocket of its own',
  usage: ['fork'],
  route: { method: 'POST', path: '/v1/fork' },
  read: readNothing,
  words: noWords,
  async run({ bench, station }) {
    const { name, doors } = await bench.fork(station);
    return { meter: name, ws: doors.wsUrl };
  },
  show: ({ meter: name, ws }) => `${name} at ${ws}; "${name}: state" asks it`,
});

const clock = command({
  name: 'clock',
  brief: 'what time it is; on a virtual clock, time passes here and nowhere else',
  usage: ['clock', 'advance 30m', 'clock 2026-03-01T00:00:00Z'],
  route: { method: 'POST', path: '/v1/clock' },
  read: readClock,
  words: clockOf,
  async run({ bench }, { advanceMs, setS }): Promise<ClockView> {
    const aheadMs = setS === undefined ? advanceMs : (setS - nowS(bench.clock)) * 1000;
    if (setS !== undefined && bench.clock.kind === 'virtual' && aheadMs !== undefined && aheadMs <= 0) {
      throw new CliError(
        'usage',
        'that is not ahead: time on a bench only goes on; a meter has a clock of its own to set',
      );
    }
    if (aheadMs !== undefined) await bench.advance(aheadMs);
    return clockView(bench);
  },
  show: ({ kind, utc, nowMs }) => `${utc}, ${counted(nowMs)} ms (${kind} clock)`,
});

const meterCommand = command({
  name: 'command',
  brief: 'a command to the meter itself, in the words of the emulator',
  usage: ['command {"kind":"…",…}'],
  route: { method: 'POST', path: '/v1/meter/command' },
  read: readMeterCommand,
  words: (words) => ({ command: jsonOf(words) }),
  run: ({ station }, { command: asked }) => commandMeter(station, asked),
  show: (answer) =>
    answer.ok
      ? `done; ${registersText(answer.view)}, supply ${answer.view.supplyState}`
      : `refused (${answer.code}): ${answer.message}`,
});

const log = command({
  name: 'log',
  brief: 'the last events of the bench',
  usage: ['log', 'log N'],
  read: readLog,
  words: ([last, ...more]) => {
    noWords(more);
    return last === undefined ? undefined : { last: Number(last) };
  },
  run: ({ bench }, { last }): { readonly events: readonly BenchEvent[] } => ({
    events: bench.events.kept.slice(-last),
  }),
  show: ({ events }) => rows(events.map(({ atMs, meter: name, detail }) => [`${counted(atMs)} ms ${name}`, detail])),
});

/** In the order in which `help` shows them. */
export const COMMANDS: readonly BenchCommand[] = [
  state,
  meter,
  power,
  faults,
  clock,
  snapshot,
  restore,
  fork,
  meterCommand,
  log,
];

/** Runs one command of the table. @throws {@link CliError}, and what flash, files and links throw */
export async function runBenchCommand(row: BenchCommand, target: Target, json: unknown): Promise<object> {
  return await row.run(target, row.read(json));
}
