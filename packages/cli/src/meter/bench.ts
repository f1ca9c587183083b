/** A bench: a virtual meter, its forks, the doors at which each is reached, one clock and one list of events for all of them. */
import type { LoadSource } from '@smets1/emulator';
import type { ListenAddress } from '@smets1/hardware';
import { CliError } from '../errors.js';
import { FORKS_MAX } from '../limits.js';
import { versionText } from '../output/style.js';
import type { BenchClock } from './bench-clock.js';
import type { BenchEvents, Tell } from './bench-events.js';
import type { AwaitedFault } from './bench-faults.js';
import type { FlashWish } from './bench-flash.js';
import { openBenchMeter, type BenchMeter } from './bench-meter.js';
import { inTurn, type InTurn } from './in-turn.js';
import { openDoors, type DoorOptions, type Doors } from './doors.js';

export interface BenchOptions extends FlashWish {
  readonly flashPath: string | undefined;
  readonly clock: BenchClock;
  readonly events: BenchEvents;
  readonly load?: LoadSource;
  /** What waits for the meter from its first power on. */
  readonly faults: readonly AwaitedFault[];
  readonly ws: ListenAddress | undefined;
  readonly serial: DoorOptions['serial'];
  /** What WebSockets must show, at every door. */
  readonly token: string | undefined;
  /** What ended the bench: a file failed, or a meter has a defect. */
  readonly onFailure: (error: unknown) => void;
}

/** A meter and where it is reached. */
export interface Station {
  /** `main`, `fork-1`, … */
  readonly name: string;
  readonly meter: BenchMeter;
  readonly doors: Doors;
}

export interface Bench {
  readonly seed: number;
  readonly clock: BenchClock;
  readonly events: BenchEvents;
  readonly stations: readonly Station[];
  /** Whoever asks something of the bench asks in here: it is one thing, and time may pass in a command. */
  readonly inTurn: InTurn;
  /** @throws {@link CliError} `usage` for a name that no meter has */
  station(name: string | undefined): Station;
  /** A second meter like `from`, at a WebSocket of its own on loopback. @throws {@link CliError} `usage` for one too many; LinkError */
  fork(from: Station): Promise<Station>;
  /** @throws as {@link BenchClock.advance} */
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

export const MAIN = 'main';

/** @throws as `openBenchMeter` and `openDoors` do; what was opened is closed again then */
export async function openBench(options: BenchOptions): Promise<Bench> {
  const { clock, events, seed, token, onFailure } = options;
  const stations: Station[] = [];
  let forks = 0;
  const tellOf =
    (name: string): Tell =>
    (kind, detail, fields = {}) =>
      events.tell({ atMs: clock.time.nowMs(), meter: name, kind, detail, fields });
  const hooksOf = (name: string): Pick<Parameters<typeof openBenchMeter>[0], 'tell' | 'onStart' | 'onFailure'> => ({
    tell: tellOf(name),
    onFailure,
    onStart: (start) => {
      const runningVersion = versionText(start.runningVersion);
      const detail = `started: ${start.phase}, boot ${start.bootEpoch}, runs ${runningVersion}`;
      tellOf(name)('start', detail, { ...start, runningVersion });
    },
  });
  const enter = async (name: string, meter: BenchMeter, at: Pick<DoorOptions, 'ws' | 'serial'>): Promise<Station> => {
    try {
      const doors = await openDoors({
        meter,
        ...at,
        token,
        tell: ({ kind, detail, reason }) => tellOf(name)(kind, detail, reason === undefined ? {} : { reason }),
      });
      const station = { name, meter, doors };
      stations.push(station);
      return station;
    } catch (error) {
      await meter.close();
      throw error;
    }
  };
  await enter(MAIN, openBenchMeter({ ...options, ...hooksOf(MAIN) }), options);
  return {
    seed,
    clock,
    events,
    stations,
    inTurn: inTurn(),
    station(name = MAIN) {
      const found = stations.find((station) => station.name === name);
      if (found !== undefined) return found;
      const names = stations.map((station) => station.name).join(', ');
      throw new CliError('usage', `there is no meter ${name} on this bench; there are: ${names}`);
    },
    async fork(from) {
      if (forks >= FORKS_MAX)
        throw new CliError('usage', `a bench has at most ${FORKS_MAX} forks; start another bench`);
      forks += 1;
      const name = `fork-${forks}`;
      const station = await enter(name, from.meter.fork(hooksOf(name)), {
        ws: { host: '127.0.0.1', port: 0 },
        serial: undefined,
      });
      tellOf(name)('forked', `${name}, a fork of ${from.name}, at ${station.doors.wsUrl}`, {
        from: from.name,
        ws: station.doors.wsUrl,
      });
      return station;
    },
    async advance(ms) {
      await clock.advance(ms);
      tellOf(MAIN)('clock', `${ms} ms passed`, { ms });
    },
    async close() {
      // eslint-disable-next-line no-await-in-loop -- few, and one that fails must not keep the others open
      for (const { doors } of stations) await doors.close();
      const closed = await Promise.allSettled(stations.map(async ({ meter }) => await meter.close()));
      const failed = closed.find((one) => one.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
  };
}
