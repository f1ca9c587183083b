/** The package that is spoilt: 131,072 octets to the last one, signed with real P-256, and foreign ones of the same cut. */
import {
  buildOtaImage,
  buildPackage,
  CONTAINER_FIXED_BYTES,
  CRC32_BYTES,
  MANIFEST_BYTES_MIN,
  OTA_HEADER_BYTES,
  readContainer,
  runTask,
  SIGNATURE_BYTES,
  verifyPackage,
  type Container,
  type CryptoPort,
  type Role,
  type SignerPort,
} from '@smets1/protocol';
import { nodeCrypto, nodeSigner, type PrivateKey } from '@smets1/host';
import { KEYS, TRUST } from '../../corruption/bench-crypto.js';

export const PACKAGE_BYTES = 131_072;
const BLOCK_SHIFT = 12;
const BLOCKS = 32;
const RECORD_EXTRA_BYTES: number = SIGNATURE_BYTES + CRC32_BYTES;
const HEAD_BYTES: number =
  CONTAINER_FIXED_BYTES + MANIFEST_BYTES_MIN + OTA_HEADER_BYTES + SIGNATURE_BYTES + CRC32_BYTES;
const IMAGE_BYTES: number = PACKAGE_BYTES - HEAD_BYTES - BLOCKS * RECORD_EXTRA_BYTES;

export type Keys = Readonly<Record<Role, PrivateKey>>;

export interface PackageWish {
  readonly salt: number;
  readonly fileVersion?: number;
  readonly securityCounter?: number;
  readonly keys?: Keys;
}

/** Keys of the curve, each trusted for another role than the one in which it signs here. */
export const STRANGERS: Keys = {
  manufacturer: KEYS.dco,
  supplier: KEYS.device,
  dco: KEYS.supplier,
  device: KEYS.manufacturer,
};

function packageOf({ salt, fileVersion = 0x0002_0001, securityCounter = 7, keys = KEYS }: PackageWish): Uint8Array {
  const crypto = nodeCrypto();
  const signer: SignerPort = nodeSigner(keys);
  const manufacturerImage = Uint8Array.from(
    { length: IMAGE_BYTES },
    (_, i) => (Math.imul(i + salt, 2_654_435_761) >>> 13) & 0xff,
  );
  const fields = { manufacturerCode: 0x121d, imageType: 1, hardwareMin: 0x1111, hardwareMax: 0x1211 };
  const otaImage = runTask(buildOtaImage({ manufacturerImage, fileVersion, ...fields }), crypto, signer);
  const manufacturerKey = keys.manufacturer.publicKey;
  const built = runTask(
    buildPackage({ otaImage, manufacturerKey, blockShift: BLOCK_SHIFT, securityCounter }),
    crypto,
    signer,
  );
  if (built.length !== PACKAGE_BYTES) throw new Error(`the package has ${built.length} octets, not ${PACKAGE_BYTES}`);
  return built;
}

export const PACKAGE: Uint8Array = packageOf({ salt: 1 });
const CONTAINER: Container = readOrThrow(PACKAGE);

/** As large as the package; each could be taken for it by somebody who looks at sizes, versions or models only. */
export const FOREIGN: readonly { readonly name: string; readonly octets: Uint8Array }[] = [
  { name: 'same-version', octets: packageOf({ salt: 2 }) },
  { name: 'older', octets: packageOf({ salt: 3, fileVersion: 0x0001_0001, securityCounter: 6 }) },
  { name: 'other-keys', octets: packageOf({ salt: 1, keys: STRANGERS }) },
];

/** From where to where each block record goes in the package, its CRC-32 left out. */
export const RECORDS: readonly (readonly [start: number, end: number])[] = CONTAINER.blocks.map((block) => {
  const start = block.byteOffset - PACKAGE.byteOffset;
  return [start, start + block.length] as const;
});
/** Octets of the head that its CRC-32 covers; the CRC stands right behind. */
export const HEAD_CRC_AT: number = HEAD_BYTES - CRC32_BYTES;
export const MANIFEST_AT: number = CONTAINER_FIXED_BYTES;
export const MANIFEST_SIGNATURE_AT: number = CONTAINER_FIXED_BYTES + MANIFEST_BYTES_MIN - SIGNATURE_BYTES;
export const GBCS_SIGNATURE_AT: number = HEAD_CRC_AT - SIGNATURE_BYTES;

/** The shipped verifier, with the cryptography that is given. */
export function verdictOf(octets: Uint8Array, crypto: CryptoPort): string | undefined {
  const answer = runTask(verifyPackage(octets, TRUST), crypto);
  return answer.ok ? undefined : answer.fault.code;
}

/**
 * Real cryptography that remembers what it found right in the intact package. A signature check is a function of key, message and signature, so
 * an answer once found holds for the same octets; whatever differs from them in one bit is checked anew.
 */
export function rememberingCrypto(
  intact: Uint8Array,
): CryptoPort & { readonly counts: { known: number; checked: number } } {
  const real = nodeCrypto();
  const known: { key: Buffer; message: Buffer; signature: Buffer; s: string }[] = [];
  const counts = { known: 0, checked: 0 };
  let learning = true;
  const remembering = {
    counts,
    sha256: (chunks: readonly Uint8Array[]) => real.sha256(chunks),
    verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, s: 'low' | 'either'): boolean {
      for (const right of known) {
        if (
          right.s === s &&
          right.signature.equals(signature) &&
          right.message.equals(message) &&
          right.key.equals(publicKey)
        ) {
          counts.known += 1;
          return true;
        }
      }
      counts.checked += 1;
      const holds = real.verify(publicKey, message, signature, s);
      if (learning && holds)
        known.push({
          key: Buffer.from(publicKey),
          message: Buffer.from(message),
          signature: Buffer.from(signature),
          s,
        });
      return holds;
    },
  };
  const refusal = verdictOf(intact, remembering);
  if (refusal !== undefined) throw new Error(`the intact package was refused: ${refusal}`);
  learning = false;
  return remembering;
}

function readOrThrow(octets: Uint8Array): Container {
  const read = readContainer(octets);
  if (!read.ok) throw new Error(read.fault.detail);
  return read.value;
}
