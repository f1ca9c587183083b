/** Keys, images, parts and authorisations for tests; the keys are known to everybody. */
import { demoKey, nodeCrypto, nodeSigner } from '@smets1/host';
import type { TimePort } from '@smets1/host';
import {
  buildOtaImage,
  buildPackage,
  formatDeviceId,
  NO_END_S,
  parseDeviceId,
  readContainer,
  runTask,
  signAuthorisation,
  splitPackage,
  verifyPackage,
} from '@smets1/protocol';
import type { AuthorisationFields, CryptoTask, SignerPort, TrustAnchors } from '@smets1/protocol';
import type { Clock } from './clock.js';

export const crypto: ReturnType<typeof nodeCrypto> = nodeCrypto();
export const signer: SignerPort = nodeSigner({
  manufacturer: demoKey('manufacturer'),
  supplier: demoKey('supplier'),
  dco: demoKey('dco'),
  device: demoKey('device'),
});
export const trust: TrustAnchors = {
  manufacturer: [demoKey('manufacturer').publicKey],
  supplier: [demoKey('supplier').publicKey],
  dco: [demoKey('dco').publicKey],
};
export const TOKEN = 'a-token-for-the-tests';
/** A signer whose supplier nobody trusts. */
export const foreignSigner: SignerPort = nodeSigner({
  manufacturer: demoKey('manufacturer'),
  supplier: demoKey('device'),
  dco: demoKey('device'),
  device: demoKey('supplier'),
});

export function run<T>(task: CryptoTask<T>, by: SignerPort = signer): T {
  return runTask(task, crypto, by);
}

export interface BenchImage {
  readonly package: Uint8Array;
  readonly parts: readonly Uint8Array[];
  /** 32 octets each. */
  readonly imageHash: Uint8Array;
  readonly digest: Uint8Array;
  readonly imageId: string;
  readonly blockCount: number;
  readonly blocks: readonly Uint8Array[];
}

export interface ImageFields {
  readonly imageBytes?: number;
  readonly blockShift?: number;
  readonly seed?: number;
  readonly fileVersion?: number;
  readonly securityCounter?: number;
  readonly applicableFromMin?: number;
  readonly applicableFromMax?: number;
  /** Largest part; the default gives parts of two blocks. */
  readonly partBytes?: number;
  readonly by?: SignerPort;
}

/** Six blocks of 256 octets in three parts, unless told otherwise. */
export function benchImage(fields: ImageFields = {}): BenchImage {
  const { imageBytes = 1400, blockShift = 8, seed = 0, by = signer } = fields;
  const manufacturerImage = Uint8Array.from(
    { length: imageBytes },
    (_, i) => (i * 7 + (i >> 8) * 31 + seed * 101) & 0xff,
  );
  const {
    fileVersion = 0x00020001,
    securityCounter = 7,
    applicableFromMin = 0,
    applicableFromMax = 0xffffffff,
  } = fields;
  const otaImage = run(
    buildOtaImage({
      manufacturerImage,
      manufacturerCode: 0x121d,
      imageType: 1,
      fileVersion,
      hardwareMin: 0x1111,
      hardwareMax: 0x1211,
    }),
    by,
  );
  const manufacturerKey = demoKey('manufacturer').publicKey;
  const octets = run(
    buildPackage({ otaImage, manufacturerKey, blockShift, securityCounter, applicableFromMin, applicableFromMax }),
    by,
  );
  const read = readContainer(octets);
  if (!read.ok) throw new Error(read.fault.detail);
  const { manifest, blocks } = read.value;
  const partBytes = fields.partBytes ?? 152 + manifest.manifestBytes + 2 * (2 ** blockShift + 68);
  const split = splitPackage(octets, partBytes);
  if (!split.ok) throw new Error(split.fault.detail);
  const supplier = by === signer ? trust.supplier : [demoKey('device').publicKey];
  const verified = run(verifyPackage(octets, { manufacturer: trust.manufacturer, supplier }));
  if (!verified.ok) throw new Error(verified.fault.detail);
  const { digest, imageHash } = verified.value;
  const imageId = Buffer.from(digest).toString('hex').toUpperCase();
  return { package: octets, parts: split.value, digest, imageHash, imageId, blockCount: manifest.blockCount, blocks };
}

const SUPPLIER_ID = '90-B3-D5-1F-30-01-00-00';
const DCC_ID = '90-B3-D5-1F-30-00-00-02';

export function requestId(counter: number, originator: string = SUPPLIER_ID): string {
  return `${originator}:${DCC_ID}:${counter}`;
}

/** The `n`th device. */
export function deviceId(n: number): string {
  return formatDeviceId(Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, n >> 8, n & 0xff));
}

export function idOctets(text: string): Uint8Array {
  const octets = parseDeviceId(text);
  if (octets === undefined) throw new Error(`no device id: ${text}`);
  return octets;
}

/** 168 octets, for any time, unless told otherwise. */
export function authorisationFor(
  image: Pick<BenchImage, 'imageHash' | 'digest'>,
  device: string,
  counter: number,
  fields: Partial<AuthorisationFields> = {},
  by: SignerPort = signer,
): Uint8Array {
  return run(
    signAuthorisation({
      deviceId: idOctets(device),
      imageHash: image.imageHash,
      manifestDigest: image.digest,
      originator: idOctets(SUPPLIER_ID),
      originatorCounter: BigInt(counter),
      notBeforeS: 0,
      notAfterS: NO_END_S,
      ...fields,
    }),
    by,
  );
}

export function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex').toUpperCase();
}

/** A clock that stands until it is turned. */
export interface TurnedClock extends Clock {
  /** Goes on to a time, and rings what is due on the way. */
  turnTo(atMs: number): void;
  readonly ringing: number;
}

export function turnedClock(startMs: number = Date.UTC(2030, 0, 1)): TurnedClock {
  let nowMs = startMs;
  let next = 1;
  const bells = new Map<number, { readonly atMs: number; readonly act: () => void }>();
  return {
    nowMs: () => nowMs,
    at(atMs, act) {
      const id = next;
      next += 1;
      bells.set(id, { atMs, act });
      if (atMs <= nowMs) {
        setImmediate(() => {
          if (bells.delete(id)) act();
        });
      }
      return () => bells.delete(id);
    },
    turnTo(atMs) {
      for (;;) {
        const due = [...bells].filter(([, bell]) => bell.atMs <= atMs).toSorted(([, a], [, b]) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        bells.delete(due[0]);
        nowMs = Math.max(nowMs, due[1].atMs);
        due[1].act();
      }
      nowMs = Math.max(nowMs, atMs);
    },
    get ringing() {
      return bells.size;
    },
  };
}

/** Waits for turns of the event loop until something holds; fails loudly rather than for ever. */
export async function until(what: () => boolean, name: string, msMax: number = 10_000): Promise<void> {
  const endMs = performance.now() + msMax;
  for (let round = 0; performance.now() < endMs; round += 1) {
    if (what()) return;
    await new Promise((resolve) => {
      if (round % 50 === 49) setTimeout(resolve, 1);
      else setImmediate(resolve);
    });
  }
  throw new Error(`never: ${name}`);
}

/** Links on a time that runs ten times as fast: a meter's pauses for erasing and restarting are not what is tested. */
export function fastTime(): TimePort {
  return {
    nowMs: () => performance.now() * FASTER,
    after(delayMs, act) {
      const timer = setTimeout(act, delayMs / FASTER);
      return () => clearTimeout(timer);
    },
  };
}

// Not more: on a busy machine a pause of a tenth of a second must not pass for a meter that is dead.
const FASTER = 10;
