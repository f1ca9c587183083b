/** A meter on real links and real time. */
import type { Link } from '@smets1/hardware';
import { decodeFromLine, encodeForLine, lineDecoder } from '@smets1/protocol';
import { MeterDriver, type MeterPort } from './meter-port.js';
import { nodeTime, type TimePort } from './ports.js';

export interface HostMeterOptions {
  readonly time?: TimePort;
  /** What the meter itself threw; it is stopped then. Without this the error is thrown on. */
  readonly onFailure?: (error: unknown) => void;
}

export interface HostedMeter {
  /** The meter speaks on this link from now on. It has one port: a link attached before is closed. */
  attach(link: Link): void;
  /** The meter was changed from outside (a power cut, a new clock): see when it wants to be woken. */
  poke(): void;
  /** Its power was cut: what it was about to say is gone. */
  forget(): void;
  /** Stops the meter's time and closes its link. */
  stop(): Promise<void>;
}

export function hostMeter(meter: MeterPort, options: HostMeterOptions = {}): HostedMeter {
  let current: Link | undefined;
  let isOver = false;
  const time = options.time ?? nodeTime();
  const guard = (run: () => void): void => {
    if (isOver) return;
    try {
      run();
    } catch (error) {
      void stop();
      if (options.onFailure === undefined) throw error;
      options.onFailure(error);
    }
  };
  const guarded: TimePort = {
    nowMs: () => time.nowMs(),
    after: (delayMs, run) => time.after(delayMs, () => guard(run)),
  };
  const driver = new MeterDriver(meter, guarded, (frame) => {
    current?.send(encodeForLine(current.capabilities.framing, frame));
  });
  async function stop(): Promise<void> {
    isOver = true;
    driver.stop();
    await current?.close();
  }
  return {
    attach(link) {
      const old = current;
      current = isOver ? undefined : link;
      void old?.close();
      if (isOver) void link.close();
      let decoder = lineDecoder(link.capabilities.framing);
      link.onReceive((octets) => {
        const decoded = decodeFromLine(decoder, octets);
        decoder = decoded.decoder;
        for (const frame of decoded.frames) if (current === link) guard(() => driver.hear(frame));
      });
      link.onClose(() => {
        if (current === link) current = undefined;
      });
    },
    poke: () => driver.poke(),
    forget: () => driver.forget(),
    stop,
  };
}
