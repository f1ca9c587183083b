/** The power of one meter: what runs while it is there, and what becomes of it when it goes. */
import { EmulatorError, PowerLost, type Esme, type NorFlash } from '@smets1/emulator';
import type { HostedMeter, TimePort } from '@smets1/host';
import { CliError } from '../errors.js';
import { POWER_OFF_MS_MAX } from '../limits.js';
import type { Tell } from './bench-events.js';
import type { BenchFaults } from './bench-faults.js';

/** What power keeps going. */
export interface Machine {
  readonly esme: Esme;
  readonly hosted: HostedMeter;
}

export type PowerState =
  | { readonly kind: 'on' }
  /** Power is there, and the firmware stopped over something that it could not do: flash that fails, usually. */
  | { readonly kind: 'halted'; readonly code: string; readonly detail: string }
  | {
      readonly kind: 'off';
      /** In order, the registers saved; at once; or at a flash operation. */
      readonly how: 'off' | 'cut' | 'lost';
      /** The flash operation at which it was lost. */
      readonly operation?: number;
      /** Machine time at which it comes back by itself. */
      readonly backAtMs?: number;
    };

export interface PowerPorts {
  readonly time: TimePort;
  readonly tell: Tell;
  readonly faults: BenchFaults;
  readonly flash: () => NorFlash;
  /** Boots from flash. @throws PowerLost, EmulatorError */
  readonly boot: (onFailure: (error: unknown) => void) => Machine;
  /** The machine is up: whatever waits for it may speak. */
  readonly onUp: (machine: Machine) => void;
  /** It has just stopped. */
  readonly onDown: (stopped: Promise<void>) => void;
  /** What is no matter of power or flash: a defect, a file that failed. */
  readonly onFailure: (error: unknown) => void;
}

export class BenchPower {
  readonly #ports: PowerPorts;
  #state: PowerState = { kind: 'off', how: 'off' };
  #machine: Machine | undefined;
  #cancelReturn: (() => void) | undefined;

  constructor(ports: PowerPorts) {
    this.#ports = ports;
  }

  get state(): PowerState {
    return this.#state;
  }

  /** What runs. @throws {@link CliError} `no-power` */
  get machine(): Machine {
    if (this.#machine !== undefined) return this.#machine;
    if (this.#state.kind === 'halted') {
      throw new CliError('no-power', `the meter has stopped (${this.#state.detail}); power off and on boots it again`);
    }
    throw new CliError('no-power', 'the meter has no power; switch it on first');
  }

  get isUp(): boolean {
    return this.#machine !== undefined;
  }

  /** The meter boots from its flash. Nothing happens when it runs already. */
  on(): void {
    if (this.#machine !== undefined) return;
    this.#stay();
    const { flash, faults, tell, boot, onUp } = this.#ports;
    if (!flash().powered) flash().powerOn();
    faults.rearm();
    this.#state = { kind: 'on' };
    tell('power-on', `power on after flash operation ${flash().operationCount}`, { operation: flash().operationCount });
    try {
      this.#machine = boot((error) => this.failed(error));
    } catch (error) {
      this.failed(error);
      return;
    }
    onUp(this.#machine);
  }

  /** In order: the meter notices in time and saves what it counted. @param backAfterMs - Power comes back by itself. */
  off(backAfterMs?: number): void {
    if (this.#state.kind === 'off') return this.#returnAfter(backAfterMs);
    const { time, tell } = this.#ports;
    try {
      this.#machine?.esme.flush(time.nowMs());
    } catch (error) {
      // Power was to be cut while it saved: that is how it went, then.
      return this.failed(error);
    }
    this.#drop();
    this.#state = { kind: 'off', how: 'off' };
    tell('power-off', 'power off, in order');
    return this.#returnAfter(backAfterMs);
  }

  /** At once, between two flash operations: what is not in flash is gone. */
  cut(backAfterMs?: number): void {
    if (this.#state.kind === 'off') return this.#returnAfter(backAfterMs);
    this.#drop();
    this.#state = { kind: 'off', how: 'cut' };
    this.#ports.tell('power-off', 'power cut');
    return this.#returnAfter(backAfterMs);
  }

  /** For the end of the bench, and of a flash: nothing runs, and nothing comes back by itself. */
  end(): void {
    this.#stay();
    this.off();
    this.#stay();
  }

  /** The meter threw: its power was lost at a flash operation, its flash failed, or it is no matter of ours. */
  failed(error: unknown): void {
    const { tell, faults, onFailure } = this.#ports;
    this.#drop();
    if (error instanceof PowerLost) {
      const { operation } = error;
      this.#state = { kind: 'off', how: 'lost', operation };
      const cut = faults.struckAt(operation);
      tell('power-lost', `power lost at flash operation ${operation}`, { operation, ...(cut && { fault: cut }) });
      this.#returnAfter(cut?.powerOnAfterMs ?? undefined);
    } else if (error instanceof EmulatorError) {
      this.#state = { kind: 'halted', code: error.code, detail: error.message };
      tell('halted', `the meter stopped: ${error.message}`, { code: error.code });
    } else {
      this.#state = { kind: 'off', how: 'cut' };
      onFailure(error);
    }
  }

  #drop(): void {
    const machine = this.#machine;
    this.#machine = undefined;
    if (machine !== undefined) this.#ports.onDown(machine.hosted.stop());
  }

  #stay(): void {
    this.#cancelReturn?.();
    this.#cancelReturn = undefined;
  }

  #returnAfter(ms: number | undefined): void {
    if (ms === undefined || this.#state.kind !== 'off') return;
    this.#stay();
    const { time } = this.#ports;
    const backAtMs = time.nowMs() + Math.min(ms, POWER_OFF_MS_MAX);
    this.#state = { ...this.#state, backAtMs };
    // A timer of the machine counts 24 days at most.
    const wait = (): void => {
      const leftMs = backAtMs - time.nowMs();
      this.#cancelReturn = time.after(Math.max(0, leftMs), () => (time.nowMs() < backAtMs ? wait() : this.on()));
    };
    wait();
  }
}
