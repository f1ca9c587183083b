/** Frames as a serial line carries them, COBS and all, with firmware in them; and noise on those octets. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { Random } from '@smets1/host';
import { cobsEncode, deframe, DEFRAMER_START, encodeFrame } from '@smets1/protocol';
import { uBoot } from '../../support/firmware.js';

export interface Firmware {
  readonly from: 'uBoot' | 'machineCode';
  readonly octets: Uint8Array;
}

const MACHINE_CODE_BYTES = 4_194_304;

/** Debian's U-Boot where it is installed; else machine code of the program that runs this. */
export function firmwareOctets(): Firmware {
  try {
    return { from: 'uBoot', octets: uBoot('qemu_arm64') };
  } catch {
    const program = readFileSync(process.execPath);
    const from = Math.floor(program.length / 2);
    return { from: 'machineCode', octets: new Uint8Array(program.subarray(from, from + MACHINE_CODE_BYTES)) };
  }
}

export interface WireFrame {
  readonly frame: Uint8Array;
  readonly wire: Uint8Array;
}

const DATA_TYPE = 0x03;

/** A DATA frame of `payloadBytes` octets of firmware, from `offsetBytes` on. */
export function wireFrameOf(
  firmware: Uint8Array,
  offsetBytes: number,
  payloadBytes: number,
  sequence: number,
): WireFrame {
  const frame = encodeFrame({
    type: DATA_TYPE,
    sessionTag: 0x51a7_0b3c,
    sequence,
    block: (offsetBytes >> 12) & 0xffff,
    offsetBytes: offsetBytes & 0xfff,
    payload: firmware.subarray(offsetBytes, offsetBytes + payloadBytes),
  });
  return { frame, wire: cobsEncode(frame) };
}

/** What a receiver finds between zeros; a zero stands before, as the end of the frame before. */
export function framesIn(wire: Uint8Array): readonly Uint8Array[] {
  return deframe(DEFRAMER_START, wire).frames;
}

/** Noise of one of several kinds, in place. */
export function spoil(wire: Uint8Array, random: Random): void {
  switch (random.below(4)) {
    case 0: {
      const flips = 1 + random.below(24);
      for (let i = 0; i < flips; i++) flip(wire, random.below(wire.length * 8));
      return;
    }
    case 1: {
      const from = random.below(wire.length);
      const end = Math.min(wire.length, from + 1 + random.below(24));
      for (let at = from; at < end; at++) wire[at] = random.below(256);
      return;
    }
    case 2: {
      // A burst longer than any CRC: its ends are wrong, what is between is anything.
      const from = random.below(wire.length * 8);
      const length = 33 + random.below(200);
      for (let bit = from; bit < Math.min(wire.length * 8, from + length); bit++)
        if (random.chance(0.5)) flip(wire, bit);
      return;
    }
    default: {
      const [a, b] = [random.below(wire.length), random.below(wire.length)];
      const bytes = Math.min(1 + random.below(32), wire.length - Math.max(a, b));
      wire.copyWithin(a, b, b + bytes);
    }
  }
}

export function flip(octets: Uint8Array, bit: number): void {
  octets[bit >> 3]! ^= 1 << (bit & 7);
}
