/** Round-trip estimate as in RFC 6298. */
import { RETRANSMIT_MS_FIRST, RETRANSMIT_MS_MAX, RETRANSMIT_MS_MIN } from '../limits.js';

export interface RoundTrip {
  readonly smoothedMs: number | undefined;
  readonly variationMs: number;
  readonly timeoutMs: number;
}

export const UNKNOWN_ROUND_TRIP: RoundTrip = { smoothedMs: undefined, variationMs: 0, timeoutMs: RETRANSMIT_MS_FIRST };

export function withSample(trip: RoundTrip, sampleMs: number): RoundTrip {
  const { smoothedMs } = trip;
  if (smoothedMs === undefined) return estimate(sampleMs, sampleMs / 2);
  const variationMs = (3 * trip.variationMs + Math.abs(smoothedMs - sampleMs)) / 4;
  return estimate((7 * smoothedMs + sampleMs) / 8, variationMs);
}

export function backedOff(trip: RoundTrip): RoundTrip {
  return { ...trip, timeoutMs: Math.min(2 * trip.timeoutMs, RETRANSMIT_MS_MAX) };
}

function estimate(smoothedMs: number, variationMs: number): RoundTrip {
  const timeoutMs = Math.min(Math.max(smoothedMs + 4 * variationMs, RETRANSMIT_MS_MIN), RETRANSMIT_MS_MAX);
  return { smoothedMs, variationMs, timeoutMs };
}
