/** One virtual meter on a bench: its flash in memory or in a file, its links one at a time, its power in somebody's hand. */
import {
  FlashError,
  PowerLost,
  startEsme,
  type EsmeStart,
  type EsmeView,
  type LoadSource,
  type NorFlash,
} from '@smets1/emulator';
import type { Link } from '@smets1/hardware';
import { hostMeter, nodeCrypto, nodeFlashBacking, nodeSigner, type NodeFlashBacking } from '@smets1/host';
import { wallClock, type BenchClock } from './bench-clock.js';
import type { Tell } from './bench-events.js';
import { BenchFaults, type AwaitedFault } from './bench-faults.js';
import { openFlash, flashFileOf, restoredFlash, type FlashWish } from './bench-flash.js';
import { BenchPower, type Machine } from './bench-power.js';

export interface BenchMeterOptions extends FlashWish {
  /** In memory when not given. */
  readonly flashPath: string | undefined;
  /** What the home draws; as many watts as the profile says unless given. */
  readonly load?: LoadSource;
  /** The wall clock unless given. */
  readonly clock?: BenchClock;
  /** What waits for it from its first power on. @see BenchFaults.add */
  readonly faults?: readonly AwaitedFault[];
  readonly onStart?: (start: EsmeStart) => void;
  readonly tell?: Tell;
  /** What ended the meter: its file failed, or it has a defect. */
  readonly onFailure: (error: unknown) => void;
}

export interface BenchMeter {
  /** True when it was made just now. */
  readonly isNew: boolean;
  readonly clock: BenchClock;
  readonly power: BenchPower;
  readonly faults: BenchFaults;
  /** As it is now; another one after {@link restore}. */
  readonly flash: NorFlash;
  /** @throws CliError `no-power` */
  view(): EsmeView;
  /** The same; undefined without power, which may go in what looking at the meter writes. */
  viewIfUp(): EsmeView | undefined;
  /** What it is asked to do from outside its firmware. @throws CliError `no-power` */
  run<T>(work: (machine: Machine) => T): T;
  /** From now on it speaks on this link; the one before is closed. Without power it hears nothing, and says nothing. */
  attach(link: Link): void;
  /** A flash file of what flash holds now. */
  snapshot(): Uint8Array;
  /** Its flash is replaced; it boots from the new one. @throws FlashFileError; CliError `storage-failed`, `usage`: nothing was changed */
  restore(file: Uint8Array): void;
  /** A second meter whose flash holds the same, faults and all. It has no file, and begins with a power on. */
  fork(hooks: Pick<BenchMeterOptions, 'onStart' | 'tell' | 'onFailure'>): BenchMeter;
  /** Powers it off in order: its register is in flash, its file is safe and free. */
  close(): Promise<void>;
}

/**
 * @throws HostError `file-locked`, `file-failed`; FlashFileError for a file that holds no flash; MeterError for a profile that makes none
 */
export function openBenchMeter(options: BenchMeterOptions): BenchMeter {
  const { flashPath } = options;
  const backing = flashPath === undefined ? undefined : nodeFlashBacking(flashPath);
  try {
    const { flash, isNew } = openFlash(options, backing, flashPath);
    flash.seedNoise(options.seed);
    const meter = new PoweredMeter(options, { flash, isNew, backing });
    meter.faults.add(options.faults ?? []);
    meter.power.on();
    return meter;
  } catch (error) {
    backing?.close();
    throw error;
  }
}

interface Holding {
  readonly flash: NorFlash;
  readonly isNew: boolean;
  readonly backing: NodeFlashBacking | undefined;
}

class PoweredMeter implements BenchMeter {
  readonly isNew: boolean;
  readonly clock: BenchClock;
  readonly power: BenchPower;
  readonly faults: BenchFaults;
  readonly #options: BenchMeterOptions;
  readonly #backing: NodeFlashBacking | undefined;
  #flash: NorFlash;
  /** Came while there was no power. */
  #waiting: Link | undefined;
  readonly #stopping = new Set<Promise<void>>();

  constructor(options: BenchMeterOptions, { flash, isNew, backing }: Holding) {
    this.#options = options;
    this.#flash = flash;
    this.#backing = backing;
    this.isNew = isNew;
    this.clock = options.clock ?? wallClock();
    const { time } = this.clock;
    const tell: Tell = options.tell ?? (() => undefined);
    this.faults = new BenchFaults({
      flash: () => this.#flash,
      time,
      tell,
      powerOff: (ms) => this.power.off(ms),
    });
    this.power = new BenchPower({
      time,
      tell,
      faults: this.faults,
      flash: () => this.#flash,
      boot: (onFailure) => this.#boot(onFailure),
      onUp: ({ hosted }) => {
        const waiting = this.#waiting;
        this.#waiting = undefined;
        if (waiting !== undefined) hosted.attach(waiting);
      },
      onDown: (stopped) => {
        this.#stopping.add(stopped);
        void stopped.finally(() => this.#stopping.delete(stopped));
      },
      onFailure: options.onFailure,
    });
  }

  get flash(): NorFlash {
    return this.#flash;
  }

  view(): EsmeView {
    return this.run(({ esme }) => esme.view(this.clock.time.nowMs()));
  }

  viewIfUp(): EsmeView | undefined {
    if (!this.power.isUp) return undefined;
    try {
      return this.view();
    } catch (error) {
      if (this.power.isUp) throw error;
      return undefined;
    }
  }

  run<T>(work: (machine: Machine) => T): T {
    const { machine } = this.power;
    try {
      const done = work(machine);
      machine.hosted.poke();
      return done;
    } catch (error) {
      // What it is asked from outside may run into a cut, or into flash that fails, as well as what it does by itself.
      if (error instanceof PowerLost || error instanceof FlashError) this.power.failed(error);
      throw error;
    }
  }

  attach(link: Link): void {
    if (this.power.isUp) return this.power.machine.hosted.attach(link);
    void this.#waiting?.close();
    this.#waiting = link;
    link.onReceive(() => undefined);
    link.onClose(() => {
      if (this.#waiting === link) this.#waiting = undefined;
    });
    return undefined;
  }

  snapshot(): Uint8Array {
    return flashFileOf(this.#flash);
  }

  restore(file: Uint8Array): void {
    const flash = restoredFlash(file, this.#options, this.#backing);
    flash.seedNoise(this.#options.seed);
    this.power.cut();
    this.#flash = flash;
    this.faults.flashReplaced();
    this.#options.tell?.('restored', 'the flash was replaced by that of a snapshot');
    this.power.on();
  }

  fork(hooks: Pick<BenchMeterOptions, 'onStart' | 'tell' | 'onFailure'>): BenchMeter {
    const { onStart: _, tell: __, ...rest } = this.#options;
    const options = { ...rest, flashPath: undefined, clock: this.clock, ...hooks };
    const fork = new PoweredMeter(options, { flash: this.#flash.fork(), isNew: false, backing: undefined });
    fork.power.on();
    return fork;
  }

  async close(): Promise<void> {
    try {
      this.faults.clear();
      this.power.end();
      await this.#waiting?.close();
      await Promise.all(this.#stopping);
      this.#flash.sync();
    } finally {
      this.#backing?.close();
    }
  }

  #boot(onFailure: (error: unknown) => void): Machine {
    const { profile, deviceKey, load, onStart } = this.#options;
    const { time, epochS } = this.clock;
    const esme = startEsme(
      { flash: this.#flash, crypto: nodeCrypto(), signer: nodeSigner({ device: deviceKey }) },
      {
        epochS,
        ...(load === undefined ? { loadW: profile.loadW } : { load }),
        timings: profile.timings,
        quirks: profile.quirks,
        behaviour: (version) => profile.behaviours.get(version) ?? 'healthy',
        selfTest: (version) => !profile.failingVersions.includes(version),
        ...(profile.windowBytes === undefined ? {} : { windowBytes: profile.windowBytes }),
        ...(onStart === undefined ? {} : { onStart }),
      },
      time.nowMs(),
    );
    return { esme, hosted: hostMeter(esme, { time, onFailure }) };
  }
}
