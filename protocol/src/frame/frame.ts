/** One frame: header, CRC-16 of the header, payload, CRC-32 of all (SPEC.md §8). */
import { LocalProtocolError } from '../errors.js';
import { crc16, crc32 } from '../layout/crc.js';
import { getU16, getU32, layout, putU16, putU32, u16, u32, u8 } from '../layout/layout.js';
import { plainOctets } from '../layout/octets.js';
import { CRC16_BYTES, CRC32_BYTES, FRAME_PAYLOAD_BYTES_MAX } from '../limits.js';

export const FRAME_VERSION = 0x10;
export const DATA_TYPE = 0x03;
const HELLO_TYPE = 0x01;

export interface Frame {
  readonly type: number;
  readonly sessionTag: number;
  readonly sequence: number;
  /** DATA only. */
  readonly block: number;
  readonly offsetBytes: number;
  readonly payload: Uint8Array;
}

/** `hello-version`: a HELLO of another major version, the one frame of those that deserves an answer. */
export type FrameFault = 'short' | 'version' | 'hello-version' | 'length' | 'header-crc' | 'crc';

export type DecodedFrame =
  | { readonly kind: 'frame'; readonly frame: Frame }
  /** DATA whose header is whole and whose body is not: it names what to send again. */
  | { readonly kind: 'spoilt-data'; readonly frame: Frame; readonly lengthBytes: number }
  | { readonly kind: 'dropped'; readonly fault: FrameFault };

const HEADER = layout({ version: u8, type: u8, payloadBytes: u16, sessionTag: u32, sequence: u32 });
const DATA_HEADER = layout({
  version: u8,
  type: u8,
  payloadBytes: u16,
  sessionTag: u32,
  sequence: u32,
  block: u16,
  offsetBytes: u32,
});

const NOTHING = new Uint8Array(0);

/** Octets that a DATA frame has beside its payload, before COBS. */
export const DATA_OVERHEAD_BYTES: number = DATA_HEADER.bytes + CRC16_BYTES + CRC32_BYTES;

/** @throws {@link LocalProtocolError} when the payload is over {@link FRAME_PAYLOAD_BYTES_MAX} or a field out of range. */
export function encodeFrame(frame: Frame): Uint8Array {
  const payloadBytes = frame.payload.length;
  if (payloadBytes > FRAME_PAYLOAD_BYTES_MAX) throw new LocalProtocolError(`payload of ${payloadBytes} octets`);
  const isData = frame.type === DATA_TYPE;
  const headerBytes = isData ? DATA_HEADER.bytes : HEADER.bytes;
  const octets = new Uint8Array(headerBytes + CRC16_BYTES + payloadBytes + CRC32_BYTES);
  const common = {
    version: FRAME_VERSION,
    type: frame.type,
    payloadBytes,
    sessionTag: frame.sessionTag,
    sequence: frame.sequence,
  };
  if (isData) DATA_HEADER.encodeInto({ ...common, block: frame.block, offsetBytes: frame.offsetBytes }, octets, 0);
  else HEADER.encodeInto(common, octets, 0);
  putU16(octets, headerBytes, crc16(octets.subarray(0, headerBytes)));
  octets.set(frame.payload, headerBytes + CRC16_BYTES);
  const crcAt = octets.length - CRC32_BYTES;
  putU32(octets, crcAt, crc32(octets.subarray(0, crcAt)));
  return octets;
}

/** Never throws; the payload is a view into `source`, and a plain Uint8Array whatever `source` is. */
export function decodeFrame(source: Uint8Array): DecodedFrame {
  const octets = plainOctets(source);
  if (octets.length < HEADER.bytes + CRC16_BYTES) return dropped('short');
  const isData = octets[HEADER.at.type] === DATA_TYPE;
  const headerBytes = isData ? DATA_HEADER.bytes : HEADER.bytes;
  const bodyAt = headerBytes + CRC16_BYTES;
  if (octets.length < bodyAt) return dropped('short');
  if (getU16(octets, headerBytes) !== crc16(octets.subarray(0, headerBytes))) return dropped('header-crc');
  const header = isData ? DATA_HEADER.decode(octets) : { ...HEADER.decode(octets), block: 0, offsetBytes: 0 };
  if (header.version >> 4 !== FRAME_VERSION >> 4)
    return dropped(header.type === HELLO_TYPE ? 'hello-version' : 'version');
  const { type, sessionTag, sequence, block, offsetBytes, payloadBytes } = header;
  if (payloadBytes > FRAME_PAYLOAD_BYTES_MAX) return dropped('length');
  const crcAt = bodyAt + payloadBytes;
  const whole = octets.length === crcAt + CRC32_BYTES;
  if (whole && getU32(octets, crcAt) === crc32(octets.subarray(0, crcAt))) {
    return {
      kind: 'frame',
      frame: { type, sessionTag, sequence, block, offsetBytes, payload: octets.subarray(bodyAt, crcAt) },
    };
  }
  if (!isData) return dropped(whole ? 'crc' : 'length');
  return {
    kind: 'spoilt-data',
    frame: { type, sessionTag, sequence, block, offsetBytes, payload: NOTHING },
    lengthBytes: payloadBytes,
  };
}

function dropped(fault: FrameFault): DecodedFrame {
  return { kind: 'dropped', fault };
}
