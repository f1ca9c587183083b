/** Machines in a world: the same effect loops as on real links, without a promise. */
import type { CryptoPort, SenderEvent, SenderPlan, SenderResult, SenderState } from '@smets1/protocol';
import { RECONNECT_MS_DEFAULT } from '../limits.js';
import { MeterDriver, type MeterPort } from '../loop/meter-port.js';
import { SenderDriver } from '../loop/sender-driver.js';
import { worldTime, type World } from './world.js';
import type { WorldEnd } from './world-link.js';

export interface WorldSenderOptions {
  readonly plan: SenderPlan;
  readonly end: WorldEnd;
  /** The model of signatures, or the real checks, which are as deterministic but slow. */
  readonly crypto: CryptoPort;
  readonly deviceKey?: Uint8Array;
  /** How long to wait for a line that was cut; `RECONNECT_MS_DEFAULT`. */
  readonly reconnectMs?: number;
  readonly onEvent?: (event: SenderEvent) => void;
}

export interface WorldSender {
  /** Undefined while it runs, and for ever once it was killed. */
  result(): SenderResult | undefined;
  state(): SenderState;
  /** As a signal that ends the run: the meter is told. */
  abort(): void;
  /** As `kill -9`: nobody is told anything. */
  kill(): void;
}

/** Starts a sender now. Traces: `sender-event` with the event's kind, `sender-ended` with the result's. */
export function runSenderInWorld(world: World, options: WorldSenderOptions): WorldSender {
  const { plan, end, crypto, deviceKey } = options;
  const time = worldTime(world);
  const reconnectMs = options.reconnectMs ?? RECONNECT_MS_DEFAULT;
  let result: SenderResult | undefined;
  let lostAtMs: number | undefined;
  let cancelGiveUp: () => void = () => undefined;
  const driver = new SenderDriver({
    plan,
    crypto,
    deviceKey,
    time,
    transmit: (frame) => end.send(frame),
    onHeard() {
      lostAtMs = undefined;
    },
    onEvent(event) {
      world.trace('sender-event', event.kind);
      options.onEvent?.(event);
    },
    onEnded(ended) {
      result = ended;
      cancelGiveUp();
      world.trace('sender-ended', ended.kind === 'done' ? ended.what : ended.reason);
    },
  });
  const waitForLine = (): void => {
    lostAtMs ??= world.now();
    const leftMs = lostAtMs + reconnectMs - world.now();
    cancelGiveUp();
    cancelGiveUp = time.after(leftMs, () => driver.giveUp(`the meter was not heard again within ${reconnectMs} ms`));
  };
  end.onReceive((frame) => driver.hear(frame));
  end.onChange((isUp) => {
    if (driver.hasEnded) return;
    if (isUp) {
      cancelGiveUp();
      driver.linkUp(undefined);
    } else {
      driver.linkDown();
      waitForLine();
    }
  });
  world.at(world.now(), () => {
    if (end.isUp) driver.linkUp(undefined);
    else waitForLine();
  });
  return {
    result: () => result,
    state: () => driver.state,
    abort: () => driver.interrupt('the run was ended by its caller'),
    kill() {
      cancelGiveUp();
      driver.kill();
    },
  };
}

export interface WorldMeterRun {
  /** The meter was changed by another door (a power cut, its clock): see when it wants to be woken. */
  poke(): void;
  /** Its power was cut: what it was about to say is gone. */
  forget(): void;
  /** It hears and does nothing more. */
  stop(): void;
}

/** Starts a meter at one end of a line. */
export function runMeterInWorld(world: World, meter: MeterPort, end: WorldEnd): WorldMeterRun {
  const driver = new MeterDriver(meter, worldTime(world), (frame) => end.send(frame));
  end.onReceive((frame) => driver.hear(frame));
  return {
    poke: () => driver.poke(),
    forget: () => driver.forget(),
    stop() {
      end.onReceive(() => undefined);
      driver.stop();
    },
  };
}
