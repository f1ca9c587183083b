/** The package that is spoilt: three small blocks, the last one short. */
import {
  buildOtaImage,
  buildPackage,
  countersign,
  readContainer,
  signAuthorisation,
  verifyPackage,
  type Container,
  type VerifiedPackage,
} from '@smets1/protocol';
import { KEYS, run, TRUST } from './bench-crypto.js';

export const DEVICE_ID: Uint8Array = Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa0);

export const PACKAGE: Uint8Array = run(
  buildPackage({
    otaImage: run(
      buildOtaImage({
        manufacturerImage: Uint8Array.from({ length: 600 }, (_, i) => (i * 7 + (i >> 3)) & 0xff),
        manufacturerCode: 0x121d,
        imageType: 1,
        fileVersion: 0x00020001,
        hardwareMin: 0x1111,
        hardwareMax: 0x1211,
      }),
    ),
    manufacturerKey: KEYS.manufacturer.publicKey,
    blockShift: 8,
    securityCounter: 7,
    label: 'spoilt',
  }),
);

export const CONTAINER: Container = orThrow(readContainer(PACKAGE));
export const VERIFIED: VerifiedPackage = orThrow(run(verifyPackage(PACKAGE, TRUST)));

export const AUTHORISATION: Uint8Array = run(
  countersign(
    run(
      signAuthorisation({
        deviceId: DEVICE_ID,
        imageHash: VERIFIED.imageHash,
        manifestDigest: VERIFIED.digest,
        originator: Uint8Array.of(0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x00),
        originatorCounter: 1n,
        notBeforeS: 0,
        notAfterS: 0xffffffff,
      }),
    ),
  ),
);

type Answer<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: { readonly detail: string } };

/** The intact object must be taken, or refusing the spoilt ones would prove nothing. */
function orThrow<T>(answer: Answer<T>): T {
  if (!answer.ok) throw new Error(`the intact object was refused: ${answer.fault.detail}`);
  return answer.value;
}
