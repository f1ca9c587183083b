/** Images, packages and authorisations in words, and as fields for programs. */
import {
  formatDeviceId,
  isLargeImage,
  NO_END_S,
  otaImageBytes,
  type Authorisation,
  type Manifest,
  type OtaHeader,
} from '@smets1/protocol';
import type { JsonFields } from './reporter.js';
import { counted, hex, hexNumber, versionText } from './style.js';

type Row = readonly [label: string, value: string | undefined];

export function headerRows(header: OtaHeader): readonly Row[] {
  return [
    ['manufacturer', hexNumber(header.manufacturerCode, 4)],
    ['image type', hexNumber(header.imageType, 4)],
    ['version', versionText(header.fileVersion)],
    ['hardware', hardwareText(header)],
    ['header string', headerStringText(header.headerString)],
    ['OTA Upgrade Image', sizeText(header.totalBytes)],
  ];
}

export function headerFields(header: OtaHeader): JsonFields {
  return {
    manufacturer: hexNumber(header.manufacturerCode, 4),
    imageType: hexNumber(header.imageType, 4),
    version: versionText(header.fileVersion),
    hardwareMin: hexNumber(header.hardwareMin, 4),
    hardwareMax: hexNumber(header.hardwareMax, 4),
    headerString: hex(header.headerString),
    totalBytes: header.totalBytes,
    large: isLargeImage(header.totalBytes),
  };
}

export function manifestRows(manifest: Manifest, digest: Uint8Array): readonly Row[] {
  const { applicableFromMin: from, applicableFromMax: to } = manifest;
  const applies = from === 0 && to === 0xffff_ffff ? 'any version' : `${versionText(from)} to ${versionText(to)}`;
  return [
    ['manufacturer', hexNumber(manifest.manufacturerCode, 4)],
    ['image type', hexNumber(manifest.imageType, 4)],
    ['version', versionText(manifest.fileVersion)],
    ['counter', String(manifest.securityCounter)],
    ['hardware', hardwareText(manifest)],
    ['device class', String(manifest.deviceClass)],
    ['applicable from', applies],
    ['label', manifest.label],
    ['Manufacturer Image', `${counted(manifest.imageBytes)} octets`],
    ['OTA Upgrade Image', sizeText(otaImageBytes(manifest.imageBytes))],
    ['blocks', `${counted(manifest.blockCount)} of ${counted(2 ** manifest.blockShift)} octets`],
    ['image hash', hex(manifest.imageHash)],
    ['manifest digest', hex(digest)],
    ['key id', hex(manifest.keyId)],
  ];
}

export function manifestFields(manifest: Manifest, digest: Uint8Array): JsonFields {
  return {
    manufacturer: hexNumber(manifest.manufacturerCode, 4),
    imageType: hexNumber(manifest.imageType, 4),
    version: versionText(manifest.fileVersion),
    counter: manifest.securityCounter,
    hardwareMin: hexNumber(manifest.hardwareMin, 4),
    hardwareMax: hexNumber(manifest.hardwareMax, 4),
    deviceClass: manifest.deviceClass,
    applicableFromMin: versionText(manifest.applicableFromMin),
    applicableFromMax: versionText(manifest.applicableFromMax),
    label: manifest.label,
    imageBytes: manifest.imageBytes,
    totalBytes: otaImageBytes(manifest.imageBytes),
    large: isLargeImage(otaImageBytes(manifest.imageBytes)),
    blockBytes: 2 ** manifest.blockShift,
    blockCount: manifest.blockCount,
    hash: hex(manifest.imageHash),
    manifestDigest: hex(digest),
    keyId: hex(manifest.keyId),
  };
}

export function authorisationRows(authorisation: Authorisation): readonly Row[] {
  return [
    ['device', formatDeviceId(authorisation.deviceId)],
    ['image hash', hex(authorisation.imageHash)],
    ['manifest digest', hex(authorisation.manifestDigest)],
    ['originator', formatDeviceId(authorisation.originator)],
    ['counter', String(authorisation.originatorCounter)],
    ['not before', authorisation.notBeforeS === 0 ? 'no bound' : instantText(authorisation.notBeforeS)],
    ['not after', authorisation.notAfterS === NO_END_S ? 'no bound' : instantText(authorisation.notAfterS)],
    ['countersigned', authorisation.countersigned ? 'yes' : 'not yet'],
  ];
}

export function authorisationFields(authorisation: Authorisation): JsonFields {
  return {
    deviceId: formatDeviceId(authorisation.deviceId),
    hash: hex(authorisation.imageHash),
    manifestDigest: hex(authorisation.manifestDigest),
    originator: formatDeviceId(authorisation.originator),
    counter: authorisation.originatorCounter,
    notBeforeS: authorisation.notBeforeS,
    notAfterS: authorisation.notAfterS,
    countersigned: authorisation.countersigned,
  };
}

/** `789,972 octets, large`. */
export function sizeText(totalBytes: number): string {
  return `${counted(totalBytes)} octets, ${isLargeImage(totalBytes) ? 'large' : 'not large'}`;
}

function hardwareText({ hardwareMin, hardwareMax }: Pick<OtaHeader, 'hardwareMin' | 'hardwareMax'>): string {
  return `${hexNumber(hardwareMin, 4)} to ${hexNumber(hardwareMax, 4)}`;
}

/** As text where it is printable ASCII and then zeros, else as hex. */
function headerStringText(headerString: Uint8Array): string | undefined {
  const text = String.fromCharCode(...headerString).replace(/\0+$/, '');
  if (text === '') return undefined;
  return /^[\x20-\x7e]*$/.test(text) ? text : hex(headerString);
}

function instantText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
