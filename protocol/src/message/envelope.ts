/** A message with the session and sequence of the frame that carries it; the two doors between messages and octets. */
import { DATA_TYPE, decodeFrame, encodeFrame, type Frame, type FrameFault } from '../frame/frame.js';
import { decodeHostPayload, encodeHostPayload, HOST_TYPES, type HostMessage } from './host-messages.js';
import { decodeMeterPayload, encodeMeterPayload, METER_TYPES, type MeterMessage } from './meter-messages.js';

export interface Envelope<M> {
  readonly sessionTag: number;
  /** SPEC.md §8: number of the DATA frame, of the request, or of the request answered. */
  readonly sequence: number;
  readonly message: M;
}

export type Received<M> =
  | { readonly kind: 'message'; readonly envelope: Envelope<M> }
  | {
      readonly kind: 'spoilt-data';
      readonly sessionTag: number;
      readonly sequence: number;
      readonly block: number;
      readonly offsetBytes: number;
      readonly lengthBytes: number;
    }
  /** A whole frame of a type this side does not know, or whose payload lacks fields. */
  | {
      readonly kind: 'unknown' | 'malformed';
      readonly type: number;
      readonly sessionTag: number;
      readonly sequence: number;
    }
  | { readonly kind: 'dropped'; readonly fault: FrameFault };

export function encodeHostMessage(envelope: Envelope<HostMessage>): Uint8Array {
  const { sessionTag, sequence, message } = envelope;
  const isData = message.kind === 'data';
  return encodeFrame({
    type: HOST_TYPES[message.kind],
    sessionTag,
    sequence,
    block: isData ? message.block : 0,
    offsetBytes: isData ? message.offsetBytes : 0,
    payload: encodeHostPayload(message),
  });
}

export function encodeMeterMessage(envelope: Envelope<MeterMessage>): Uint8Array {
  const { sessionTag, sequence, message } = envelope;
  return encodeFrame({
    type: METER_TYPES[message.kind],
    sessionTag,
    sequence,
    block: 0,
    offsetBytes: 0,
    payload: encodeMeterPayload(message),
  });
}

/** What a meter hears. Total: any octets give an answer. */
export function decodeHostMessage(octets: Uint8Array): Received<HostMessage> {
  return decode<HostMessage>(octets, decodeHostPayload, (frame) => ({
    kind: 'data',
    block: frame.block,
    offsetBytes: frame.offsetBytes,
    octets: frame.payload,
  }));
}

/** What a host hears. Total: any octets give an answer. */
export function decodeMeterMessage(octets: Uint8Array): Received<MeterMessage> {
  return decode<MeterMessage>(octets, decodeMeterPayload, undefined);
}

function decode<M>(
  octets: Uint8Array,
  decodePayload: (type: number, payload: Uint8Array) => M | 'unknown' | undefined,
  dataOf: ((frame: Frame) => M) | undefined,
): Received<M> {
  const decoded = decodeFrame(octets);
  if (decoded.kind === 'dropped') return decoded;
  const { type, sessionTag, sequence, block, offsetBytes, payload } = decoded.frame;
  if (decoded.kind === 'spoilt-data') {
    return { kind: 'spoilt-data', sessionTag, sequence, block, offsetBytes, lengthBytes: decoded.lengthBytes };
  }
  if (type === DATA_TYPE && dataOf !== undefined) {
    if (payload.length === 0) return { kind: 'malformed', type, sessionTag, sequence };
    return { kind: 'message', envelope: { sessionTag, sequence, message: dataOf(decoded.frame) } };
  }
  const message = decodePayload(type, payload);
  if (message === 'unknown') return { kind: 'unknown', type, sessionTag, sequence };
  if (message === undefined) return { kind: 'malformed', type, sessionTag, sequence };
  return { kind: 'message', envelope: { sessionTag, sequence, message } };
}
