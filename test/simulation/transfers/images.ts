/**
 * The images that simulated transfers carry: small, and different in every field that matters, since equal ones would hide a mix-up. One set
 * signed by the model of signatures (fast, the same in every run), one with real P-256.
 */
import { blobOf, type DeviceIdentity } from '@smets1/emulator';
import { demoKey, modelCrypto, modelKey, nodeCrypto, nodeSigner, type PrivateKey } from '@smets1/host';
import {
  buildOtaImage,
  CONTEXTS,
  OUTCOME_BYTES,
  SIGNATURE_BYTES,
  buildPackage,
  countersign,
  runTask,
  signAuthorisation,
  verifyPackage,
  type CryptoPort,
  type CryptoTask,
  type Role,
  type SendableImage,
  type SignerPort,
  type TrustAnchors,
} from '@smets1/protocol';

export const DEVICE_ID: Uint8Array = Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa0);
export const OTHER_DEVICE_ID: Uint8Array = Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa1);
/** Octets of the image that is to be sent, by shape: one block, two and four with a short last one. */
export const SHAPE_BYTES: readonly number[] = [150, 400, 900];
export const BLOCK_SHIFT = 8;

export interface Made {
  readonly name: 'old' | 'new' | 'other' | 'ancient' | 'foreign' | 'broken' | 'later';
  readonly image: SendableImage;
  /** The Manufacturer Image. */
  readonly octets: Uint8Array;
  /** The package that it came in. */
  readonly packageOctets: Uint8Array;
}

export interface Shape {
  /** To be sent, and the only one that is authorised for the meter. */
  readonly wanted: Made;
  /** As large, of the same version and model, as rightly signed; nobody authorised it for this meter. */
  readonly other: Made;
  /** Rightly signed, and below the floor. */
  readonly ancient: Made;
  /** Signed with keys that nobody trusts. */
  readonly foreign: Made;
  /** Rightly signed and authorised, where a world wants one that does not work. */
  readonly broken: Made;
  /** What comes after the wanted one, once all is over. */
  readonly later: Made;
}

export interface Bench {
  readonly crypto: CryptoPort;
  readonly signer: SignerPort;
  readonly trust: TrustAnchors;
  readonly deviceKey: Uint8Array;
  /** Signs as somebody else's meter. */
  readonly strangerSigner: SignerPort;
  readonly identity: DeviceIdentity;
  readonly old: Made;
  readonly shapes: readonly Shape[];
  /** Countersigned permission for `made`; each (image, meter, counter) is signed once. */
  authorise(made: Made, originatorCounter: number, deviceId?: Uint8Array): Uint8Array;
}

type Keys = Readonly<Record<Role, PrivateKey>>;

const MODEL = { manufacturerCode: 0x121d, imageType: 1, hardwareVersion: 0x1150 } as const;
const ROLES: readonly Role[] = ['manufacturer', 'supplier', 'dco', 'device'];

function keysOf(keyOf: (role: Role) => PrivateKey): Keys {
  return Object.fromEntries(ROLES.map((role) => [role, keyOf(role)])) as Record<Role, PrivateKey>;
}

/** Model signatures: for all but a sample of the worlds. */
export function modelBench(): Bench {
  return benchOf(
    rememberingRight(modelCrypto()),
    keysOf((role) => modelKey(role)),
    keysOf((role) => modelKey(`stranger's ${role}`)),
  );
}

/**
 * Remembers what it found right, by signature, and takes it for right again only for the very same octets: a few images and permissions are checked
 * millions of times.
 */
function rememberingRight(crypto: CryptoPort): CryptoPort {
  const right = new Map<string, { readonly key: Uint8Array; readonly message: Uint8Array; readonly s: string }>();
  return {
    sha256: (chunks) => crypto.sha256(chunks),
    verify(key, message, signature, s) {
      const name = Buffer.from(signature.buffer, signature.byteOffset, signature.length).toString('latin1');
      const known = right.get(name);
      if (known !== undefined && known.s === s && same(known.message, message) && same(known.key, key)) return true;
      const holds = crypto.verify(key, message, signature, s);
      if (holds && right.size < REMEMBERED_MAX && message.length !== OUTCOME_MESSAGE_BYTES)
        right.set(name, { key: key.slice(), message: message.slice(), s });
      return holds;
    },
  };
}

const REMEMBERED_MAX = 1_024;
/** Outcomes have a nonce of their own each: none comes twice. */
const OUTCOME_MESSAGE_BYTES: number = CONTEXTS.outcome.length + OUTCOME_BYTES - SIGNATURE_BYTES;

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && Buffer.compare(one, other) === 0;
}

/** Real P-256. Its signatures differ from process to process, so its worlds have no trace to compare. */
export function realBench(): Bench {
  const keys = keysOf((role) => demoKey(role));
  // Roles changed round: keys of the curve that are trusted for something else.
  const strangers = { manufacturer: keys.dco, supplier: keys.device, dco: keys.supplier, device: keys.manufacturer };
  return benchOf(nodeCrypto(), keys, strangers);
}

function benchOf(crypto: CryptoPort, keys: Keys, strangers: Keys): Bench {
  const signer = nodeSigner(keys);
  const make = (name: Made['name'], imageBytes: number, fileVersion: number, counter: number): Made =>
    madeOf({ name, imageBytes, fileVersion, counter, crypto, keys: name === 'foreign' ? strangers : keys });
  const permissions = new Map<string, Uint8Array>();
  const { manufacturer, supplier, dco, device } = keys;
  return {
    crypto,
    signer,
    trust: {
      manufacturer: [manufacturer.publicKey],
      supplier: [supplier.publicKey],
      dco: [dco.publicKey],
    },
    deviceKey: device.publicKey,
    strangerSigner: nodeSigner(strangers),
    identity: {
      eui64: DEVICE_ID,
      ...MODEL,
      deviceClass: 1,
      trustAnchors: (['manufacturer', 'supplier', 'dco'] as const).map((role) => ({
        role,
        publicKey: keys[role].publicKey,
      })),
    },
    old: make('old', 300, 0x0101, 5),
    shapes: SHAPE_BYTES.map((imageBytes) => ({
      wanted: make('new', imageBytes, 0x0202, 8),
      other: make('other', imageBytes, 0x0202, 9),
      ancient: make('ancient', imageBytes, 0x0100, 3),
      foreign: make('foreign', imageBytes, 0x0303, 10),
      broken: make('broken', imageBytes, 0x0204, 7),
      later: make('later', imageBytes, 0x0404, 12),
    })),
    authorise(made, originatorCounter, deviceId = DEVICE_ID) {
      const name = `${made.name} ${made.octets.length} ${originatorCounter} ${deviceId.join()}`;
      const known = permissions.get(name);
      if (known !== undefined) return known;
      const { manifest, manifestDigest } = made.image;
      const fields = {
        deviceId,
        imageHash: manifest.imageHash,
        manifestDigest,
        originator: Uint8Array.of(0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x00),
        originatorCounter: BigInt(originatorCounter),
        notBeforeS: 0,
        notAfterS: 0xffff_ffff,
      };
      const run = <T>(task: CryptoTask<T>): T => runTask(task, crypto, signer);
      const signed = run(countersign(run(signAuthorisation(fields))));
      permissions.set(name, signed);
      return signed;
    },
  };
}

function madeOf(wish: {
  readonly name: Made['name'];
  readonly imageBytes: number;
  readonly fileVersion: number;
  readonly counter: number;
  readonly crypto: CryptoPort;
  readonly keys: Keys;
}): Made {
  const { name, imageBytes, fileVersion, counter, crypto, keys } = wish;
  const signer = nodeSigner(keys);
  const salt = name.charCodeAt(0) * 257 + name.length;
  const octets = Uint8Array.from({ length: imageBytes }, (_, i) => mixed(i, salt * 64 + counter));
  const { manufacturerCode, imageType, hardwareVersion } = MODEL;
  const hardware = { hardwareMin: hardwareVersion - 1, hardwareMax: hardwareVersion + 2 };
  const fields = { manufacturerImage: octets, manufacturerCode, imageType, fileVersion, ...hardware };
  const otaImage = runTask(buildOtaImage(fields), crypto, signer);
  const manufacturerKey = keys.manufacturer.publicKey;
  const built = runTask(
    buildPackage({ otaImage, manufacturerKey, blockShift: BLOCK_SHIFT, securityCounter: counter, label: name }),
    crypto,
    signer,
  );
  const trust = { manufacturer: [manufacturerKey], supplier: [keys.supplier.publicKey] };
  const checked = runTask(verifyPackage(built, trust), crypto);
  if (!checked.ok) throw new Error(`the image "${name}" of the bench is not right: ${checked.fault.detail}`);
  const { manifest, digest: manifestDigest, otaHeader, gbcsSignature, blocks } = checked.value;
  return {
    name,
    octets,
    packageOctets: built,
    image: { manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature, blocks },
  };
}

/** Two images have no run of octets in common, not even at different places. */
function mixed(i: number, salt: number): number {
  let mix = Math.imul(i + 1, 0x9e37_79b1) ^ Math.imul(salt + 1, 0x85eb_ca6b);
  mix = Math.imul(mix ^ (mix >>> 15), 0x2c1b_3c6d);
  mix = Math.imul(mix ^ (mix >>> 12), 0x297a_2d39);
  return (mix ^ (mix >>> 15)) & 0xff;
}

/** Manifest, OTA header and GBCS signature, as they stand beside a slot. */
export function offerBlobOf({ image }: Made): Uint8Array {
  return blobOf(image);
}
