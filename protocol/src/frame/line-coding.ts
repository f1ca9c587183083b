/** From frames to what a link carries and back: COBS on octet streams, bare frames on message transports (SPEC.md §8). */
import { cobsEncode } from './cobs.js';
import { deframe, DEFRAMER_START, type DeframerState } from './deframer.js';

export type Framing = 'stream' | 'message';

export interface LineDecoder {
  readonly framing: Framing;
  readonly deframer: DeframerState;
}

export interface LineDecoded {
  readonly decoder: LineDecoder;
  readonly frames: readonly Uint8Array[];
  readonly spoiltCount: number;
}

export function lineDecoder(framing: Framing): LineDecoder {
  return { framing, deframer: DEFRAMER_START };
}

export function encodeForLine(framing: Framing, frame: Uint8Array): Uint8Array {
  return framing === 'stream' ? cobsEncode(frame) : frame;
}

/** `octets`: what the link gave, a chunk of a stream or one message. */
export function decodeFromLine(decoder: LineDecoder, octets: Uint8Array): LineDecoded {
  if (decoder.framing === 'message') return { decoder, frames: [octets], spoiltCount: 0 };
  const { state, frames, spoiltCount } = deframe(decoder.deframer, octets);
  return { decoder: { framing: 'stream', deframer: state }, frames, spoiltCount };
}
