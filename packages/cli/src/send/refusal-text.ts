/** What a meter's refusal means, and the way out of it. Total by its type. */
import type { Refusal } from '@smets1/protocol';

interface Advice {
  readonly cause: string;
  readonly wayOut: string;
}

export const REFUSAL_TEXT: Readonly<Record<Refusal, Advice>> = {
  malformed: { cause: 'a message lacks fields', wayOut: 'use the release of smets1 that fits the meter' },
  unsupportedVersion: {
    cause: 'it does not know this version of the format',
    wayOut: 'use the release of smets1 that fits the meter',
  },
  unknownCriticalField: {
    cause: 'the manifest has a critical field that it does not know',
    wayOut: 'build the package with the release that fits the meter',
  },
  unsupportedProfile: {
    cause: 'it does not know this way of signing blocks',
    wayOut: 'build the package with the release that fits the meter',
  },
  unsupportedEncoding: {
    cause: 'it cannot decode this payload',
    wayOut: 'build the package with the release that fits the meter',
  },
  unknownKey: {
    cause: 'it does not trust the key that signed the manifest',
    wayOut: 'sign with the manufacturer key that this meter holds',
  },
  badSignature: {
    cause: "the manifest's signature does not hold",
    wayOut: 'get the package again, and look at it with `smets1 package verify`',
  },
  otaHeaderMismatch: {
    cause: 'the OTA header is not the one the manifest names',
    wayOut: 'get the package again, and look at it with `smets1 package verify`',
  },
  wrongDeviceClass: { cause: 'the image is for another class of device', wayOut: 'choose the package for this device' },
  wrongManufacturer: { cause: 'the image is from another manufacturer', wayOut: 'choose the package for this meter' },
  wrongImageType: { cause: 'the image is of another type', wayOut: 'choose the package for this meter' },
  wrongHardware: { cause: 'the image is not for its hardware version', wayOut: 'choose the package for this hardware' },
  versionNotApplicable: {
    cause: 'the image may not replace the version that runs',
    wayOut: 'go by the version in between that the package asks for',
  },
  counterTooLow: {
    cause: 'the security counter of the package is below that of the meter',
    wayOut: 'an older image does not come back; build a package with a higher --counter',
  },
  counterUsed: {
    cause: 'its security counter was used for another image',
    wayOut: 'build the package with a higher --counter',
  },
  imageTooLarge: { cause: 'the image is larger than its slot', wayOut: 'make the image smaller' },
  geometryUnsupported: {
    cause: 'it cannot keep the map of so many, or so large, blocks',
    wayOut: 'build the package with another --block-bytes',
  },
  trialRunning: {
    cause: 'an image is on trial',
    wayOut: 'wait until it has confirmed or reverted, then run the same again',
  },
  otherImageHeld: { cause: 'it holds another image, or part of one', wayOut: 'pass --replace to drop that one' },
  eraseBudgetSpent: { cause: 'it has prepared its slot too often today', wayOut: 'run the same again tomorrow' },
  noSession: { cause: 'it lost the session', wayOut: 'run the same again; it resumes' },
  incomplete: { cause: 'it does not hold every block', wayOut: 'run the same again; it resumes' },
  storageFailed: { cause: 'its flash failed', wayOut: 'run the same again; if it fails again, the meter is broken' },
  unknownMessage: { cause: 'it does not know the message', wayOut: 'use the release of smets1 that fits the meter' },
  busyWithOther: { cause: 'it is busy with another host', wayOut: 'wait, then run the same again' },
  authorisationMalformed: { cause: 'the authorisation is not whole', wayOut: 'sign and countersign it again' },
  authorisationWrongDevice: {
    cause: 'the authorisation is for another meter',
    wayOut: 'sign one with the --device-id of this meter',
  },
  supplierSignatureBad: {
    cause: 'no supplier that it trusts signed the authorisation',
    wayOut: 'sign with the supplier key that this meter holds',
  },
  countersignatureBad: {
    cause: 'no DCO that it trusts countersigned the authorisation',
    wayOut: 'countersign with the DCO key that this meter holds',
  },
  authorisationNotYetValid: {
    cause: 'the authorisation is not valid yet',
    wayOut: 'wait for its --not-before, or sign another one',
  },
  authorisationExpired: { cause: 'the authorisation is no longer valid', wayOut: 'sign one with a later --not-after' },
  originatorCounterUsed: {
    cause: 'the originator counter was used before',
    wayOut: 'sign one with a higher --counter',
  },
};
