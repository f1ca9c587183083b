/** Faults to come: each waits for a flash operation or a time, and is then done to the flash. */
import type { FaultPlan, FlashOperation, NorFlash, SectorFaultKind } from '@smets1/emulator';
import type { TimePort } from '@smets1/host';
import { CliError } from '../errors.js';
import { FAULTS_MAX } from '../limits.js';
import type { Tell } from './bench-events.js';

/** How a power cut leaves flash: a fault plan without the operation that it waits for. */
export interface CutFault extends Omit<FaultPlan, 'cutAt'> {
  readonly kind: 'cut';
  /** Power comes back so long after; when absent or null, as soon as somebody switches it on. */
  readonly powerOnAfterMs?: number | null;
}

export type BenchFault =
  | CutFault
  | { readonly kind: 'power-off'; readonly ms: number }
  | { readonly kind: 'break'; readonly sector: number; readonly as: SectorFaultKind; readonly fromErase?: number }
  | { readonly kind: 'stick'; readonly offsetBytes: number; readonly mask: number; readonly value: number }
  | { readonly kind: 'rot'; readonly offsetBytes: number; readonly mask: number };

/**
 * A fault and what it waits for: flash operation `atOperation` of this flash, the `inOperations`th from now, or machine time `atMs`; at
 * once without any of them. A cut that waits for a time strikes the first operation from then on.
 */
export interface AwaitedFault {
  readonly atOperation?: number;
  readonly inOperations?: number;
  readonly atMs?: number;
  readonly fault: BenchFault;
}

/** As {@link AwaitedFault}, its operation counted from the beginning. */
export interface PendingFault {
  readonly atOperation?: number;
  readonly atMs?: number;
  readonly fault: BenchFault;
}

export interface FaultPorts {
  readonly flash: () => NorFlash;
  readonly time: TimePort;
  readonly tell: Tell;
  /** Power goes now, in order, and comes back after so long. */
  readonly powerOff: (ms: number) => void;
}

type CutWaiting = PendingFault & { readonly atOperation: number; readonly fault: CutFault };

export class BenchFaults {
  readonly #ports: FaultPorts;
  #pending: PendingFault[] = [];
  readonly #timers = new Map<PendingFault, () => void>();

  constructor(ports: FaultPorts) {
    this.#ports = ports;
  }

  /** In the order in which they were given. */
  get pending(): readonly PendingFault[] {
    return this.#pending;
  }

  /**
   * All of them, or none.
   *
   * @throws {@link CliError} `usage` for an operation or a time that is past, a place that the flash has not, or too many faults
   */
  add(faults: readonly AwaitedFault[]): void {
    if (this.#pending.length + faults.length > FAULTS_MAX) {
      throw new CliError('usage', `at most ${FAULTS_MAX} faults can wait; clear those that do`);
    }
    const checked = faults.map((one, i) => this.#checked(one, faults.length === 1 ? '' : `fault ${i}: `));
    for (const one of checked) {
      const { fault, atOperation, atMs } = one;
      if (atOperation === undefined && atMs === undefined) this.#strike(fault);
      else this.#pending.push(one);
      if (atMs !== undefined) this.#awaitTime(one, atMs);
    }
    this.rearm();
  }

  clear(): number {
    const count = this.#pending.length;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#pending = [];
    this.rearm();
    return count;
  }

  /** Those that wait for an operation of a flash that is no more. */
  flashReplaced(): void {
    const gone = this.#pending.filter(({ atOperation }) => atOperation !== undefined);
    for (const one of gone) this.#miss(one, 'the flash was replaced');
    this.rearm();
  }

  /** The cut that took the power at this operation, which no longer waits. */
  struckAt(operation: number): CutFault | undefined {
    const struck = this.#cuts().find(({ atOperation }) => atOperation === operation);
    if (struck === undefined) return undefined;
    this.#remove(struck);
    return struck.fault;
  }

  /** Arms the flash for the next cut. To be called after everything that disarms it, as power that comes back does. */
  rearm(): void {
    const flash = this.#ports.flash();
    const done = flash.operationCount;
    for (const one of this.#pending) {
      if (one.atOperation !== undefined && one.atOperation <= done)
        this.#miss(one, `operation ${done} was reached without it`);
    }
    const [next] = this.#cuts();
    flash.arm(next === undefined ? undefined : planOf(next, done));
    const isWatched = this.#pending.some(({ atOperation, fault }) => atOperation !== undefined && fault.kind !== 'cut');
    flash.watch(isWatched ? (operation) => this.#before(operation) : undefined);
  }

  #before({ index }: FlashOperation): void {
    for (const one of this.#pending.filter(({ atOperation, fault }) => atOperation === index && fault.kind !== 'cut')) {
      this.#remove(one);
      this.#strike(one.fault);
    }
  }

  #awaitTime(one: PendingFault, atMs: number): void {
    const { time, flash } = this.#ports;
    const strike = (): void => {
      this.#timers.delete(one);
      this.#remove(one);
      if (one.fault.kind !== 'cut') return this.#strike(one.fault);
      this.#pending.push({ atOperation: flash().operationCount + 1, fault: one.fault });
      return this.rearm();
    };
    // A timer of the machine counts 24 days at most.
    const wait = (): void => {
      const leftMs = atMs - time.nowMs();
      this.#timers.set(
        one,
        time.after(Math.max(0, leftMs), () => (time.nowMs() < atMs ? wait() : strike())),
      );
    };
    wait();
  }

  #strike(fault: BenchFault): void {
    const { tell, powerOff } = this.#ports;
    const flash = this.#ports.flash();
    tell('fault', faultText(fault), { fault });
    switch (fault.kind) {
      case 'cut':
        // Awaited by nothing: the next operation.
        this.#pending.push({ atOperation: flash.operationCount + 1, fault });
        return;
      case 'power-off':
        return powerOff(fault.ms);
      case 'break':
        return flash.breakSector(fault.sector, fault.as, fault.fromErase);
      case 'stick':
        return flash.stick(fault.offsetBytes, fault.mask, fault.value);
      case 'rot':
        return flash.rot(fault.offsetBytes, fault.mask);
    }
  }

  #checked(one: AwaitedFault, where: string): PendingFault {
    const { fault, atMs, inOperations } = one;
    const flash = this.#ports.flash();
    const done = flash.operationCount;
    if ([one.atOperation, inOperations, atMs].filter((wish) => wish !== undefined).length > 1) {
      throw new CliError('usage', `${where}it can wait for atOperation, inOperations or atMs, for one of them only`);
    }
    const atOperation = inOperations === undefined ? one.atOperation : done + inOperations;
    if (atOperation !== undefined && atOperation <= done) {
      throw new CliError('usage', `${where}operation ${atOperation} is past: flash has had ${done}; name a later one`);
    }
    if (atOperation !== undefined && fault.kind === 'power-off') {
      throw new CliError('usage', `${where}power-off waits for a time; at an operation, power is cut: kind "cut"`);
    }
    if (atMs !== undefined && atMs < this.#ports.time.nowMs()) {
      throw new CliError('usage', `${where}${atMs} ms is past on the clock of this bench; name a later time`);
    }
    if (fault.kind === 'break' && fault.sector >= flash.sectors.length) {
      throw new CliError('usage', `${where}there is no sector ${fault.sector}: this flash has ${flash.sectors.length}`);
    }
    if ('offsetBytes' in fault && fault.offsetBytes >= flash.sizeBytes) {
      throw new CliError('usage', `${where}octet ${fault.offsetBytes} is outside: this flash has ${flash.sizeBytes}`);
    }
    return {
      fault,
      ...(atOperation === undefined ? {} : { atOperation }),
      ...(atMs === undefined ? {} : { atMs }),
    };
  }

  #cuts(): readonly CutWaiting[] {
    return this.#pending
      .filter((one): one is CutWaiting => one.atOperation !== undefined && one.fault.kind === 'cut')
      .toSorted((a, b) => a.atOperation - b.atOperation);
  }

  #miss(one: PendingFault, why: string): void {
    this.#remove(one);
    this.#ports.tell('fault-missed', `${faultText(one.fault)} at operation ${one.atOperation}: ${why}`, { ...one });
  }

  #remove(one: PendingFault): void {
    this.#pending = this.#pending.filter((other) => other !== one);
    this.#timers.get(one)?.();
    this.#timers.delete(one);
  }
}

function planOf({ atOperation, fault }: CutWaiting, doneOperations: number): FaultPlan {
  const { kind: _, powerOnAfterMs: __, ...plan } = fault;
  return { ...plan, cutAt: atOperation - doneOperations };
}

/** `rot at octet 4096, mask 0x01`. */
export function faultText(fault: BenchFault): string {
  const mask = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;
  switch (fault.kind) {
    case 'cut': {
      const { phase, torn, mode, weak, neighbour } = fault;
      const how = [torn !== undefined && `tear ${torn}`, mode, weak && 'weak', neighbour && 'neighbour'];
      return ['power cut', phase, ...how.filter((word) => typeof word === 'string')].join(' ');
    }
    case 'power-off':
      return `power off for ${fault.ms} ms`;
    case 'break':
      return `sector ${fault.sector} ${fault.as}`;
    case 'stick':
      return `octet ${fault.offsetBytes} stuck at ${mask(fault.value)}, mask ${mask(fault.mask)}`;
    case 'rot':
      return `rot at octet ${fault.offsetBytes}, mask ${mask(fault.mask)}`;
  }
}
