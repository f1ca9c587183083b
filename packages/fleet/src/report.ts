/** What came of a whole fleet. The same for a seed, whoever did the work: nothing of time or of workers is in it. */
import { createHash } from 'node:crypto';
import type { FaultKind } from './faults.js';
import { drawMeters, FAULT_KINDS } from './faults.js';
import type { FleetPlan } from './fleet-plan.js';
import type { MeterEnd } from './meter-end.js';
import type { Release } from './release.js';

export interface FaultTally {
  readonly meters: number;
  readonly asExpected: number;
}

export interface FleetReport {
  readonly seed: string;
  readonly meters: number;
  readonly profile: string;
  readonly fileVersion: number;
  readonly imageBytes: number;
  /** SHA-256 of the image that was to be brought to the meters, in hex. */
  readonly imageHash: string;
  /** Meters that run it, confirmed and attested. */
  readonly activated: number;
  /** Meters that came to the end that they had to come to; all of them, or something is wrong. */
  readonly asExpected: number;
  /** How many meters ended how. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<FaultKind, FaultTally>>;
  /** Slots that were read and hashed from outside, and those among them that hold what they must. */
  readonly slots: { readonly hashed: number; readonly asExpected: number };
}

/** A slot, and what its octets hash to. */
export interface SlotHash {
  readonly index: number;
  readonly sha256: string;
  readonly asExpected: boolean;
}

/** Which slots are hashed from outside. */
export function drawSlots({ seed, meters }: FleetPlan, wanted: number): readonly number[] {
  return drawMeters(seed, 'slots', meters, wanted);
}

/** Hashes slots, and knows what each must hold. */
export function slotHasher(
  release: Release,
  first: Release,
): (end: MeterEnd, octets: Uint8Array | undefined) => SlotHash {
  const [newHash, oldHash] = [sha256Of(release.octets), sha256Of(first.octets)];
  return ({ index, fault }, octets) => {
    const sha256 = sha256Of(octets ?? new Uint8Array(0));
    const keepsOld = fault === 'spoilt-octet' || fault === 'foreign-signature';
    return { index, sha256, asExpected: sha256 === (keepsOld ? oldHash : newHash) };
  };
}

/** @param ends - Of all meters, in their order. */
export function reportOf(
  { seed, meters, profile }: FleetPlan,
  { image: { manifest }, octets }: Release,
  ends: readonly MeterEnd[],
  slots: readonly SlotHash[],
): FleetReport {
  const outcomes: Record<string, number> = {};
  for (const { outcome } of ends) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  const tally = (kind: FaultKind): FaultTally => {
    const struck = ends.filter(({ fault }) => fault === kind);
    return { meters: struck.length, asExpected: struck.filter(({ asExpected }) => asExpected).length };
  };
  return {
    seed,
    meters,
    profile,
    fileVersion: manifest.fileVersion,
    imageBytes: manifest.imageBytes,
    imageHash: sha256Of(octets),
    activated: ends.filter(({ outcome, runs, attested }) => outcome === 'activated' && runs === 'new' && attested)
      .length,
    asExpected: ends.filter(({ asExpected }) => asExpected).length,
    outcomes: Object.fromEntries(Object.entries(outcomes).toSorted(([one], [other]) => (one < other ? -1 : 1))),
    faults: Object.fromEntries(FAULT_KINDS.map((kind) => [kind, tally(kind)])) as Record<FaultKind, FaultTally>,
    slots: { hashed: slots.length, asExpected: slots.filter(({ asExpected }) => asExpected).length },
  };
}

/** Whether every meter came to its right end, and every slot that was looked at holds what it must. */
export function isAsExpected({ meters, asExpected, slots }: FleetReport): boolean {
  return asExpected === meters && slots.asExpected === slots.hashed;
}

/** One line a meter, its first line the names of the fields. */
export function endsAsCsv(ends: readonly MeterEnd[]): string {
  const lines = ends.map((end) => CSV_FIELDS.map((field) => String(end[field])).join(','));
  return `${[CSV_FIELDS.join(','), ...lines].join('\n')}\n`;
}

const CSV_FIELDS = [
  'index',
  'deviceId',
  'fault',
  'outcome',
  'runs',
  'attested',
  'asExpected',
  'powerCuts',
  'senders',
  'frames',
  'flashOperations',
  'tookMs',
] as const satisfies readonly (keyof MeterEnd)[];

function sha256Of(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex');
}
