/**
 * Rightly signed images for another kind of meter, and manifests that no rule of theirs allows, shown to the whole meter of the emulator: each must be refused with its own code before one
 * sector is erased or one octet programmed for it.
 */
import { createFlash, manufacture, startEsme, type NorFlash } from '@smets1/emulator';
import { nodeSigner, modelCrypto, modelKey } from '@smets1/host';
import {
  buildOtaImage,
  buildPackage,
  decodeMeterMessage,
  encodeHostMessage,
  refusalOf,
  runTask,
  verifyPackage,
} from '@smets1/protocol';
import { modelBench, offerBlobOf } from '../transfers/images.js';
import { smallLayout } from '../transfers/flash-meter.js';
import { TAILS, withTail } from './manifest-tails.js';

interface Wish {
  readonly manufacturerCode?: number;
  readonly imageType?: number;
  readonly hardwareMin?: number;
  readonly hardwareMax?: number;
  readonly deviceClass?: number;
  readonly securityCounter?: number;
  readonly applicableFromMin?: number;
  readonly applicableFromMax?: number;
  readonly imageBytes?: number;
  /** TLVs at the end of the manifest, which its signature covers. */
  readonly tail?: readonly number[];
}

export interface Misfit {
  readonly name: string;
  readonly wish: Wish;
  /** Names of the refusals that are right. */
  readonly refusals: readonly string[];
}

const MANUFACTURERS = [0, 1, 0x121c, 0x121e, 0x1d12, 0xffff];
const TYPES = [0, 2, 0x0101, 0xffff];
const HARDWARE = [
  [0, 0],
  [0, 0x114f],
  [0x1151, 0x1151],
  [0x1151, 0xffff],
  [0xffff, 0xffff],
] as const;
const CLASSES = [0, 2, 3, 0xffff];

export const MISFITS: readonly Misfit[] = [
  ...MANUFACTURERS.map((code) => misfit(`manufacturer-${code}`, { manufacturerCode: code }, 'wrongManufacturer')),
  ...TYPES.map((type) => misfit(`type-${type}`, { imageType: type }, 'wrongImageType')),
  ...HARDWARE.map(([min, max]) =>
    misfit(`hardware-${min}-${max}`, { hardwareMin: min, hardwareMax: max }, 'wrongHardware'),
  ),
  ...CLASSES.map((deviceClass) => misfit(`class-${deviceClass}`, { deviceClass }, 'wrongDeviceClass')),
  ...MANUFACTURERS.flatMap((manufacturerCode) =>
    TYPES.flatMap((imageType) =>
      CLASSES.map((deviceClass) =>
        misfit(
          `all-${manufacturerCode}-${imageType}-${deviceClass}`,
          { manufacturerCode, imageType, deviceClass },
          'wrongDeviceClass',
          'wrongManufacturer',
          'wrongImageType',
        ),
      ),
    ),
  ),
  misfit('counter-below-floor', { securityCounter: 4 }, 'counterTooLow'),
  misfit('counter-of-what-runs', { securityCounter: 5 }, 'counterUsed'),
  misfit('from-newer-only', { applicableFromMin: 0x0102 }, 'versionNotApplicable'),
  misfit('from-older-only', { applicableFromMax: 0x0100 }, 'versionNotApplicable'),
  misfit('too-large', { imageBytes: 60_000 }, 'imageTooLarge'),
  ...TAILS.filter(({ isRight }) => isRight !== true).map(({ name, octets }) =>
    misfit(`tail-${name}`, { tail: octets }, 'malformed'),
  ),
];

function misfit(name: string, wish: Wish, ...refusals: readonly string[]): Misfit {
  return { name, wish, refusals };
}

const bench = modelBench();
const signer = nodeSigner({ manufacturer: modelKey('manufacturer'), supplier: modelKey('supplier') });
let factory: NorFlash | undefined;

/** What is wrong with how the meter took it; undefined when it refused as it should. */
export function objectionTo({ wish, refusals }: Misfit): string | undefined {
  if (factory === undefined) {
    factory = createFlash(smallLayout());
    manufacture(factory, bench.crypto, bench.identity, { offerBlob: offerBlobOf(bench.old), image: bench.old.octets });
  }
  const flash = factory.fork();
  const esme = startEsme({ flash, crypto: bench.crypto, signer: bench.signer }, {}, 0);
  const operations = flash.operationCount;
  const frame = encodeHostMessage({ sessionTag: 0, sequence: 1, message: offerOf(wish) });
  const said = esme.hear(frame, 1).map((octets) => decodeMeterMessage(octets));
  if (flash.operationCount !== operations) return `${flash.operationCount - operations} flash operations for it`;
  const [answer] = said;
  if (answer?.kind !== 'message' || answer.envelope.message.kind !== 'refuse') return 'was not refused';
  const refusal = refusalOf(answer.envelope.message.code) ?? String(answer.envelope.message.code);
  return refusals.includes(refusal) ? undefined : `refused with ${refusal}, not ${refusals.join(' or ')}`;
}

function offerOf(wish: Wish): Parameters<typeof encodeHostMessage>[0]['message'] {
  const { imageBytes = 500, deviceClass = 1, securityCounter = 8, applicableFromMin = 0, applicableFromMax } = wish;
  const { manufacturerCode = 0x121d, imageType = 1, hardwareMin = 0x1150, hardwareMax = 0x1150 } = wish;
  const crypto = modelCrypto();
  const manufacturerImage = new Uint8Array(imageBytes).fill(7);
  const fields = { manufacturerImage, manufacturerCode, imageType, fileVersion: 0x0202, hardwareMin, hardwareMax };
  const otaImage = runTask(buildOtaImage(fields), crypto, signer);
  const manufacturerKey = modelKey('manufacturer').publicKey;
  const built = runTask(
    buildPackage({
      otaImage,
      manufacturerKey,
      blockShift: 8,
      securityCounter,
      deviceClass,
      applicableFromMin,
      ...(applicableFromMax === undefined ? {} : { applicableFromMax }),
    }),
    crypto,
    signer,
  );
  const checked = runTask(verifyPackage(built, bench.trust), crypto);
  if (!checked.ok) throw new Error(checked.fault.detail);
  const { otaHeader, gbcsSignature } = checked.value;
  const { octets } = checked.value.manifest;
  const manifest =
    wish.tail === undefined ? octets : withTail(octets, wish.tail, (message) => signer.sign('manufacturer', message));
  return { kind: 'offer', replace: true, offerNonce: 1, manifest, otaHeader, gbcsSignature };
}
