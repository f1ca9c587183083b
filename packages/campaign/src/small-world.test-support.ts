/** Small campaigns for tests: an input from a few wishes, a planner that walks the lists, a plain stop rule. */
import { createHash } from 'node:crypto';
import { campaignInputOf } from './input/campaign-input-of.js';
import { lineOfRecord } from './journal-line.js';
import { type Campaign, compileCampaign } from './machine/campaign.js';
import type { CampaignRecord } from './model/campaign-record.js';
import type { CampaignState } from './model/campaign-state.js';
import type { CplEntry, ProductLists, ProductsPort } from './model/products-port.js';
import type { StopRule, StopVerdict } from './model/stop-rule-port.js';
import { simulate } from './simulate/simulate.js';

export const SUPPLIER_A = '90-B3-D5-1F-30-01-00-00';
export const SUPPLIER_B = '90-B3-D5-1F-30-01-00-01';
export const SUPPLIER_C = '90-B3-D5-1F-30-01-00-02';
export const DCC = '90-B3-D5-1F-30-00-00-02';
export const DIGEST = 'd1'.repeat(32);

export type Json = Record<string, unknown>;

export function entry(entryId: string, upgradableFrom: readonly string[] | 'N/A', other: Json = {}): Json {
  return {
    entryId,
    deviceModel: 'ALTO',
    hardware: '1111',
    firmwareVersion: createHash('sha256').update(entryId).digest('hex').slice(0, 8).toUpperCase(),
    manufacturerImageHash: createHash('sha256').update(entryId).digest('hex'),
    status: 'Active',
    imageOctets: 900_000,
    upgradableFrom,
    takesUpdates: true,
    operable: true,
    ...other,
  };
}

/** V1 → V2 → V3, each one image. */
export const LISTS = { cpl: [entry('V1', 'N/A'), entry('V2', ['V1']), entry('V3', ['V2'])], epcl: [] };

export function cohort(cohortId: string, count: number, other: Json = {}): Json {
  const place = createHash('sha256').update(cohortId).digest('hex').slice(0, 6).toUpperCase();
  const firstDeviceId = `00-DB-${place.slice(0, 2)}-${place.slice(2, 4)}-${place.slice(4)}-00-00-00`;
  return { cohortId, userId: SUPPLIER_A, entryId: 'V1', meters: { count, firstDeviceId }, ...other };
}

export function request(requestId: string, cohortIds: readonly string[], other: Json = {}): Json {
  return {
    requestId,
    userId: SUPPLIER_A,
    requestedAt: '2027-01-01T00:00:00Z',
    targetEntryId: 'V2',
    cohortIds,
    schedule: { approvalForm: 'F', periods: [{ fromDay: '2027-01-01', imagesPerDay: 100_000 }] },
    ...other,
  };
}

/** One Supplier, one cohort of 30, one request for V2, 10 large images a day; `other` replaces whole keys. */
export function inputJson(other: Json = {}): Json {
  return {
    format: 1,
    campaignId: 'small',
    startDay: '2027-01-04',
    users: [
      { userId: SUPPLIER_A, name: 'A', role: 'supplier' },
      { userId: SUPPLIER_B, name: 'B', role: 'supplier' },
      { userId: SUPPLIER_C, name: 'C', role: 'supplier' },
      { userId: DCC, name: 'DCC', role: 'dcc' },
    ],
    lists: LISTS,
    cohorts: [cohort('c', 30)],
    requests: [request('r', ['c'])],
    policy: { capacityPerDay: 10 },
    ...other,
  };
}

/** Takes lists as they are, and walks them breadth first; what forbids a step is what the real planner forbids first. */
export const PRODUCTS: ProductsPort = {
  productListsOf(json) {
    const cpl: unknown = (json as { readonly cpl?: unknown } | null)?.cpl;
    const isList = Array.isArray(cpl) && cpl.every((one) => typeof (one as CplEntry | null)?.entryId === 'string');
    return isList
      ? { ok: true, value: json as ProductLists }
      : { ok: false, fault: { path: 'cpl', message: 'is no list of entries' } };
  },
  planHops(lists, from, to, { largeAboveOctets = 750_000 }) {
    const byId = new Map(lists.cpl.map((one) => [one.entryId, one]));
    const came = new Map<string, string>();
    const queue = [from];
    for (const at of queue) {
      for (const next of lists.cpl) {
        if (next.upgradableFrom === 'N/A' || !next.upgradableFrom.includes(at) || came.has(next.entryId)) continue;
        if (next.entryId === from || !isAllowed(byId.get(at), next)) continue;
        came.set(next.entryId, at);
        queue.push(next.entryId);
      }
    }
    if (from !== to && !came.has(to)) return { ok: false, proof: { kind: 'cut', reachable: [...queue] } };
    const hops = [];
    for (let at = to; at !== from; at = came.get(at)!) {
      const { entryId, manufacturerImageHash, imageOctets } = byId.get(at)!;
      const isLarge = imageOctets > largeAboveOctets;
      hops.unshift({ from: came.get(at)!, to: entryId, manufacturerImageHash, imageOctets, isLarge });
    }
    return { ok: true, path: { hops } };
  },
};

function isAllowed(at: CplEntry | undefined, next: CplEntry): boolean {
  return at?.takesUpdates === true && next.status === 'Active' && next.operable && next.takesUpdates;
}

/** Stops at 3 failures more than one in fifty; accepts after 200 successes more than that, what is pending counted as failed. */
export const STOP_RULE: StopRule = {
  sampleMax: 400,
  begin: () => ({ failures: 0, successes: 0, verdict: 'go-on' }),
  observe(before, { failures, successes, pending }) {
    const state = { failures: before.failures + failures, successes: before.successes + successes };
    const score = state.failures * 50 - state.successes;
    const verdict: StopVerdict = score >= 150 ? 'stop' : score + 50 * pending <= -200 ? 'accept' : 'go-on';
    return { state: { ...state, verdict }, verdict };
  },
};

export function campaignOf(other: Json = {}): Campaign {
  const input = campaignInputOf(inputJson(other), PRODUCTS);
  if (!input.ok) throw new Error(input.fault.message);
  return compileCampaign(input.value, { products: PRODUCTS, stopRule: STOP_RULE });
}

export interface World {
  readonly campaign: Campaign;
  readonly records: readonly CampaignRecord[];
  readonly lines: readonly string[];
  readonly state: CampaignState;
  readonly ended: boolean;
}

export function worldOf(other: Json = {}, seed = 1): World {
  const campaign = campaignOf(other);
  const records: CampaignRecord[] = [];
  const { state, ended } = simulate({
    campaign,
    seed,
    inputDigest: DIGEST,
    onRecord: (record) => void records.push(record),
  });
  return { campaign, records, lines: records.map(lineOfRecord), state, ended };
}

export function recordsOf<K extends CampaignRecord['kind']>(
  { records }: Pick<World, 'records'>,
  kind: K,
): Extract<CampaignRecord, { kind: K }>[] {
  return records.filter((record): record is Extract<CampaignRecord, { kind: K }> => record.kind === kind);
}

/** A stage's meters, by index. */
export const DAY_MS = 86_400_000;
