/** The 60-octet header in front of an image (SPEC.md §3). */
import { bad, good, LocalProtocolError, type Checked } from '../errors.js';
import { layout, octets, u16, u32 } from '../layout/layout.js';
import { GBCS_TRAILER_BYTES, IMAGE_BYTES_MAX, OTA_HEADER_BYTES, OTA_HEADER_STRING_BYTES } from '../limits.js';
import type { PackageFault } from '../refusal.js';

/** What varies from image to image; the fields with one lawful value are written and checked here. */
export interface OtaHeader {
  readonly manufacturerCode: number;
  readonly imageType: number;
  readonly fileVersion: number;
  /** 32 octets, not interpreted. */
  readonly headerString: Uint8Array;
  /** Octets of the whole OTA Upgrade Image: header, Manufacturer Image and trailer. */
  readonly totalBytes: number;
  readonly hardwareMin: number;
  /** Not below `hardwareMin`. */
  readonly hardwareMax: number;
}

/** @throws {@link LocalProtocolError} when a field is out of its bounds. */
export function encodeOtaHeader(header: OtaHeader): Uint8Array {
  const reason = boundsBroken(header);
  if (reason !== undefined) throw new LocalProtocolError(reason);
  return HEADER.encode({ ...header, ...FIXED });
}

/**
 * Reads exactly 60 octets.
 *
 * Faults: `truncated`, `trailingOctets` (another length), `malformed` (a fixed field has another value, or the hardware range is empty),
 * `badLength` (the size it states cannot be that of an image).
 */
export function decodeOtaHeader(source: Uint8Array): Checked<OtaHeader, PackageFault> {
  if (source.length < HEADER.bytes)
    return bad('truncated', `an OTA header has ${HEADER.bytes} octets, not ${source.length}`);
  if (source.length > HEADER.bytes)
    return bad('trailingOctets', `an OTA header has ${HEADER.bytes} octets, not ${source.length}`);
  const { fileIdentifier, headerVersion, headerBytes, fieldControl, stackVersion, ...header } = HEADER.decode(source);
  const fixed = { fileIdentifier, headerVersion, headerBytes, fieldControl, stackVersion };
  for (const [name, lawful] of Object.entries(FIXED)) {
    const found = fixed[name as keyof typeof FIXED];
    if (found !== lawful) return bad('malformed', `${name} of the OTA header is ${found}, must be ${lawful}`);
  }
  if (header.hardwareMax < header.hardwareMin) return bad('malformed', emptyHardwareRange(header));
  const reason = boundsBroken(header);
  return reason === undefined ? good(header) : bad('badLength', reason);
}

const HEADER = layout({
  fileIdentifier: u32,
  headerVersion: u16,
  headerBytes: u16,
  fieldControl: u16,
  manufacturerCode: u16,
  imageType: u16,
  fileVersion: u32,
  stackVersion: u16,
  headerString: octets(OTA_HEADER_STRING_BYTES),
  totalBytes: u32,
  hardwareMin: u16,
  hardwareMax: u16,
});

const FIXED = {
  fileIdentifier: 0x0beef11e,
  headerVersion: 0x0100,
  headerBytes: OTA_HEADER_BYTES,
  fieldControl: 0x0004,
  stackVersion: 0x0002,
} as const;

const OVERHEAD_BYTES = OTA_HEADER_BYTES + GBCS_TRAILER_BYTES;

function boundsBroken(header: OtaHeader): string | undefined {
  if (header.hardwareMax < header.hardwareMin) return emptyHardwareRange(header);
  const imageBytes = header.totalBytes - OVERHEAD_BYTES;
  if (imageBytes < 1 || imageBytes > IMAGE_BYTES_MAX) {
    return `total image size ${header.totalBytes} leaves ${imageBytes} octets of Manufacturer Image, must be 1 to ${IMAGE_BYTES_MAX}`;
  }
  return undefined;
}

function emptyHardwareRange(header: OtaHeader): string {
  return `hardware range is empty: maximum ${header.hardwareMax} is below minimum ${header.hardwareMin}`;
}
