/** The virtual meter of a demonstration: on its line, off, and on again from what its flash holds. */
import { readFileSync } from 'node:fs';
import { IMAGE_OFFSET_BYTES, loadFlash, readBootState, slotRegion } from '@smets1/emulator';
import { ptyPair, type PtyPair } from '@smets1/hardware';
import { crc32 } from '@smets1/protocol';
import { openBenchMeter, type BenchMeter, type BenchMeterOptions } from '../meter/bench-meter.js';
import { openDoors, type Doors } from '../meter/doors.js';

export type LinkKind = 'ws' | 'serial';

export interface MeterSite {
  readonly meter: BenchMeter;
  /** Where it is reached; the same after a restart. */
  readonly url: string;
  /** Off, and on again with nothing but the flash file. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function openMeterSite(
  link: LinkKind,
  options: Omit<BenchMeterOptions, 'flashPath'> & { readonly flashPath: string },
): Promise<MeterSite> {
  const pty: PtyPair | undefined = link === 'serial' ? await ptyPair() : undefined;
  let port = 0;
  let meter: BenchMeter | undefined;
  let doors: Doors | undefined;
  const powerOn = async (): Promise<void> => {
    meter = openBenchMeter(options);
    doors = await openDoors({
      meter,
      ws: pty === undefined ? { host: '127.0.0.1', port } : undefined,
      serial: pty === undefined ? undefined : { path: pty.a },
      token: undefined,
      tell: () => undefined,
    });
    if (doors.wsUrl !== undefined) port = Number(new URL(doors.wsUrl).port);
  };
  const powerOff = async (): Promise<void> => {
    await doors?.close();
    await meter?.close();
    doors = meter = undefined;
  };
  const close = async (): Promise<void> => {
    try {
      await powerOff();
    } finally {
      await pty?.close();
    }
  };
  try {
    await powerOn();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    get meter() {
      return meter!;
    },
    url: pty === undefined ? doors!.wsUrl! : `serial:${pty.b}`,
    restart: async () => {
      await powerOff();
      await powerOn();
    },
    close,
  };
}

/** The image in the slot that a flash file boots from, read from the file alone. */
export function activeImageOf(flashPath: string): Uint8Array | undefined {
  const flash = loadFlash(new Uint8Array(readFileSync(flashPath)), crc32);
  const { confirmed } = readBootState(flash, { crc32 });
  return confirmed && slotRegion(flash, confirmed.slot).read(IMAGE_OFFSET_BYTES, confirmed.imageBytes);
}
