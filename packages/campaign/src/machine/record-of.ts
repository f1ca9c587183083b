/** What the world says, as a record: only what changes something; what cannot be is returned as a fault, or dropped. */
import type { Checked } from '../error.js';
import { commandConflict } from '../input/input-checks.js';
import { METERS_PER_RECORD_MAX } from '../limits.js';
import type { CampaignCommand, MeterSet } from '../model/campaign-input.js';
import type {
  BreakReason,
  CampaignRecord,
  FailureReason,
  Judged,
  Outcomes,
  RoomTold,
} from '../model/campaign-record.js';
import type { CampaignState } from '../model/campaign-state.js';
import { meterSetOfAny } from '../model/meter-set.js';
import { type Campaign, requestAt } from './campaign.js';
import { stamped } from './next-record.js';
import { retargetRoutes } from './plan-routes.js';
import { STAGE } from './stages.js';

/** What became of one start. `hop` and `tries` are those of the meter when it was started: they tell an old answer from a new one. */
export interface MeterOutcome {
  readonly meter: number;
  readonly route: number;
  readonly hop: number;
  readonly tries: number;
  readonly result: 'success' | BreakReason | FailureReason;
}

const BREAKS: readonly string[] = ['no-answer', 'broken-off', 'not-sealed'] satisfies BreakReason[];

/**
 * @param told - In any order, repeats and old answers among them: a repeat changes nothing, a success of an earlier try counts, any other
 *   result of one does not.
 * @returns undefined when nothing of it changes anything. A record takes {@link METERS_PER_RECORD_MAX} meters: ask again after it until undefined.
 */
export function recordOfOutcomes(
  campaign: Campaign,
  state: CampaignState,
  told: readonly MeterOutcome[],
  atMs: number,
): CampaignRecord | undefined {
  const succeeded = new Set<number>();
  const broken = new Map<BreakReason, number[]>();
  const failed = new Map<FailureReason, number[]>();
  const counts = new Map<number, { failures: number; successes: number }>();
  /** By request: starts that are under way no more. */
  const settled = new Map<number, number>();
  const taken = new Set<number>();
  for (const outcome of newsOf(state, told)) {
    const { meter, result } = outcome;
    if (taken.has(meter)) continue;
    if (taken.size === METERS_PER_RECORD_MAX) break;
    taken.add(meter);
    const request = state.routes[outcome.route]!.request;
    const count = counts.get(request) ?? { failures: 0, successes: 0 };
    if (state.meters.stage[meter] === STAGE.released) settled.set(request, (settled.get(request) ?? 0) + 1);
    if (result === 'success') {
      succeeded.add(meter);
      counts.set(request, { ...count, successes: count.successes + 1 });
    } else if (isBreak(result)) push(broken, result, meter);
    else {
      push(failed, result, meter);
      counts.set(request, { ...count, failures: count.failures + 1 });
    }
  }
  if (taken.size === 0) return undefined;
  const body: Outcomes = {
    kind: 'outcomes',
    succeeded: meterSetOfAny([...succeeded]),
    broken: byReason(broken),
    failed: byReason(failed),
    judged: [...counts]
      .toSorted(([one], [other]) => one - other)
      .map(([index, count]) => {
        const pending = state.requests[index]!.underWay - (settled.get(index) ?? 0);
        return judge(campaign, state, index, count, pending);
      }),
  };
  return stamped(state, atMs, body);
}

/** @returns the record; or why the command names something that does not exist. */
export function recordOfCommand(
  campaign: Campaign,
  state: CampaignState,
  command: CampaignCommand,
  atMs: number,
): Checked<CampaignRecord> {
  const conflict = commandConflict(command, campaign.input, command.kind);
  if (conflict !== undefined) return conflict;
  const common = { kind: 'commanded', command } as const;
  if (command.kind !== 'retarget') return { ok: true, value: stamped(state, atMs, common) };
  const routes = retargetRoutes(campaign, state, command.requestId, command.targetEntryId);
  return { ok: true, value: stamped(state, atMs, { ...common, routes }) };
}

/** What the DCO's ledger says is left. */
export function recordOfRoom(state: CampaignState, room: Omit<RoomTold, 'kind'>, atMs: number): CampaignRecord {
  return stamped(state, atMs, { kind: 'room-told', ...room });
}

/** @param pending - Starts of the request that are under way after this record: none is accepted on the ground that it has not failed yet. */
function judge(
  campaign: Campaign,
  state: CampaignState,
  index: number,
  count: { readonly failures: number; readonly successes: number },
  pending: number,
): Judged {
  const { rule } = state.requests[index]!;
  const { state: after, verdict } = campaign.stopRule.observe(rule ?? campaign.stopRule.begin(), {
    ...count,
    pending,
  });
  return { requestId: requestAt(campaign, index).requestId, ...count, rule: after, verdict };
}

/** In an order that does not depend on that of the telling. */
function newsOf(state: CampaignState, told: readonly MeterOutcome[]): readonly MeterOutcome[] {
  return told
    .filter((outcome) => isNews(state, outcome))
    .toSorted((one, other) => one.meter - other.meter || one.tries - other.tries);
}

function byReason<R extends string>(lists: ReadonlyMap<R, readonly number[]>): { reason: R; meters: MeterSet }[] {
  return [...lists]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([reason, meters]) => ({ reason, meters: meterSetOfAny(meters) }));
}

function isNews({ meters }: CampaignState, { meter, route, hop, tries, result }: MeterOutcome): boolean {
  if (meters.route[meter] !== route || meters.hop[meter] !== hop) return false;
  if (meters.stage[meter] === STAGE.released) return result === 'success' || meters.tries[meter] === tries;
  return meters.stage[meter] === STAGE.parked && result === 'success';
}

function isBreak(result: BreakReason | FailureReason): result is BreakReason {
  return BREAKS.includes(result);
}

function push<K>(lists: Map<K, number[]>, key: K, meter: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [meter]);
  else list.push(meter);
}
