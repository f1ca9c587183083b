/** The doors of the flash: its metadata as a start scans it, and the file that holds it. */
import {
  BootError,
  createFlash,
  FLASH_FILE_HEADER_BYTES,
  FlashError,
  FlashFileError,
  loadFlash,
  manufacture,
  MeterError,
  startEsme,
  type FlashBacking,
} from '@smets1/emulator';
import { crc32, getU32, putU32 } from '@smets1/protocol';
import { smallLayout } from '../transfers/flash-meter.js';
import { offerBlobOf, type Bench } from '../transfers/images.js';
import { hostFrameSeeds } from './host-words.js';
import { SHOTS_FEW, type Target } from './target.js';

/**
 * Octets of the metadata sectors, as rot or an attacker leaves them, scanned by a start. The first octet of an input says into which sector the
 * others go.
 */
export function flashScans(bench: Bench): Target {
  const { file, flash } = manufactured(bench);
  const names: readonly string[] = ['boot-a', 'boot-b', 'identity', 'staging'];
  const windows = flash.layout.partitions
    .filter(({ name }) => names.includes(name))
    .flatMap((partition) => {
      const { name, offsetBytes: start, lengthBytes } = partition;
      return flash.sectors
        .filter(({ offsetBytes }) => offsetBytes >= start && offsetBytes < start + lengthBytes)
        .map(({ offsetBytes }) => {
          const at = FLASH_FILE_HEADER_BYTES + offsetBytes;
          const octets = file.slice(at, at + SCANNED_BYTES);
          return { at, octets, records: recordsIn(octets, flash.granuleBytes), isBoot: name.startsWith('boot') };
        });
    });
  const copies = windows.filter(({ isBoot }) => isBoot);
  const windowOf = (octets: Uint8Array): (typeof windows)[number] => windows[(octets[0] ?? 0) % windows.length]!;
  return {
    name: 'flash-scan',
    seeds: windows.map(({ octets }, i) => Uint8Array.of(i, ...octets)),
    bytesMax: 1 + SCANNED_BYTES,
    shotsABatch: SHOTS_FEW,
    repair(octets) {
      // Records that are whole again: what they say is not.
      for (const { from, crcAt } of windowOf(octets).records) {
        if (1 + crcAt + 4 <= octets.length) putU32(octets, 1 + crcAt, crc32(octets.subarray(1 + from, 1 + crcAt)));
      }
      return octets;
    },
    shoot(octets, random) {
      const changed = file.slice();
      const window = windowOf(octets);
      // Boot's copies may all be spoilt alike: one that is newer than the others must not be all that helps.
      const alike = window.isBoot && random.chance(0.3);
      for (const { at } of alike ? copies : [window]) changed.set(octets.subarray(1), at);
      return started(bench, changed);
    },
  };
}

const SCANNED_BYTES = 2_048;
const RECORD_BYTES_MAX = 1_536;

/** Where records stand in these octets: whole granules that end in a CRC-32 of what is before it. */
function recordsIn(
  octets: Uint8Array,
  granuleBytes: number,
): readonly { readonly from: number; readonly crcAt: number }[] {
  const records: { readonly from: number; readonly crcAt: number }[] = [];
  for (let from = 0; from < octets.length; from += granuleBytes) {
    const endMax = Math.min(octets.length, from + RECORD_BYTES_MAX);
    for (let end = from + granuleBytes; end <= endMax; end += granuleBytes) {
      const crcAt = end - 4;
      if (crc32(octets.subarray(from, crcAt)) === getU32(octets, crcAt)) records.push({ from, crcAt });
    }
  }
  return records;
}

/** The flash file itself: what declares the layout, and what is behind it. */
export function flashFiles(bench: Bench): Target {
  const { file } = manufactured(bench);
  return {
    name: 'flash-file',
    seeds: [file.slice(0, 1_024)],
    bytesMax: 4_096,
    shotsABatch: SHOTS_FEW,
    repair(octets) {
      const headerBytes = octets.length > 16 ? octets[12]! + octets[13]! * 256 : 0;
      if (headerBytes >= 4 && headerBytes <= octets.length)
        putU32(octets, headerBytes - 4, crc32(octets.subarray(0, headerBytes - 4)));
      return octets;
    },
    shoot(octets, random) {
      const whole = random.below(4) === 0 ? octets : withRest(octets, file);
      return started(bench, whole);
    },
  };
}

function withRest(head: Uint8Array, file: Uint8Array): Uint8Array {
  const whole = file.slice();
  whole.set(head.subarray(0, whole.length));
  return whole;
}

/** A file loaded and a meter started from it: a typed refusal, or a meter that answers. */
function started(bench: Bench, file: Uint8Array): string {
  try {
    const { crypto, signer } = bench;
    const flash = loadFlash(file, crc32);
    const esme = startEsme({ flash, crypto, signer }, {}, 0);
    const [frame] = hostFrameSeeds(bench);
    const said = esme.hear(frame!, 1);
    return `${esme.view(1).mode} ${said.length}`;
  } catch (error) {
    if (error instanceof FlashFileError || error instanceof MeterError) return error.code;
    if (error instanceof FlashError || error instanceof BootError) return error.code;
    throw error;
  }
}

/** A meter from the factory, and the file that holds its flash. */
export function manufactured(bench: Bench): {
  readonly flash: ReturnType<typeof createFlash>;
  readonly file: Uint8Array;
} {
  let file = new Uint8Array(0);
  const backing: FlashBacking = {
    writeAt(offsetBytes, octets) {
      if (offsetBytes + octets.length > file.length) {
        const longer = new Uint8Array(offsetBytes + octets.length);
        longer.set(file);
        file = longer;
      }
      file.set(octets, offsetBytes);
    },
    sync() {
      // Memory is as durable as this process.
    },
  };
  const flash = createFlash(smallLayout(), { backing, crc32 });
  manufacture(flash, bench.crypto, bench.identity, { offerBlob: offerBlobOf(bench.old), image: bench.old.octets });
  return { flash, file };
}
