/** An input with everything looked up that a machine needs at each step. Nothing in it changes. */
import { metersIn } from '../input/input-checks.js';
import { eui64Of, textOfEui64 } from '../input/device-id.js';
import { CampaignError } from '../error.js';
import { MS_PER_DAY } from '../limits.js';
import type { CampaignInput, Cohort, Request, User } from '../model/campaign-input.js';
import type { CplEntry, ProductsPort } from '../model/products-port.js';
import type { StopRule } from '../model/stop-rule-port.js';
import { checkedDay, checkedInstant, dayFrom } from '../time/civil.js';

export interface Campaign {
  readonly input: CampaignInput;
  readonly products: Pick<ProductsPort, 'planHops'>;
  readonly stopRule: StopRule;
  /** Of all cohorts. */
  readonly meterCount: number;
  /** Index of the first meter of each cohort, and behind the last cohort the number of meters. */
  readonly cohortFirst: readonly number[];
  /** Index of the request of each cohort; −1: none. */
  readonly cohortRequest: readonly number[];
  readonly users: ReadonlyMap<string, number>;
  readonly requests: ReadonlyMap<string, number>;
  readonly cohorts: ReadonlyMap<string, number>;
  readonly entries: ReadonlyMap<string, CplEntry>;
  /** Group of each request in the order of turns (rule R05), as long as no open incident puts it first. */
  readonly groups: readonly number[];
  /** By request: first day on which it may start, its comms-hub notice aside. */
  readonly firstDays: readonly number[];
  /** By request: when it was made. */
  readonly requestedAtMs: readonly number[];
  /** By cohort: first day on which the EPCL lets a dormant meter start (rule R28); undefined: any day, or the cohort is not dormant. */
  readonly epclDays: readonly (number | undefined)[];
  readonly eventsAtMs: readonly number[];
}

export interface CampaignParts {
  readonly products: Pick<ProductsPort, 'planHops'>;
  readonly stopRule: StopRule;
}

/** @param input - Checked: of `campaignInputOf`. */
export function compileCampaign(input: CampaignInput, { products, stopRule }: CampaignParts): Campaign {
  const cohortFirst = [0];
  for (const { meters } of input.cohorts) cohortFirst.push(cohortFirst.at(-1)! + metersIn(meters));
  const requests = indexed(input.requests, ({ requestId }) => requestId);
  const cohorts = indexed(input.cohorts, ({ cohortId }) => cohortId);
  const cohortRequest = input.cohorts.map(() => -1);
  for (const [at, { cohortIds }] of input.requests.entries())
    for (const id of cohortIds) cohortRequest[cohorts.get(id)!] = at;
  const requestedAtMs = input.requests.map(({ requestedAt }) => checkedInstant(requestedAt));
  const startDay = checkedDay(input.startDay);
  return {
    input,
    products,
    stopRule,
    meterCount: cohortFirst.at(-1)!,
    cohortFirst,
    cohortRequest,
    users: indexed(input.users, ({ userId }) => userId),
    requests,
    cohorts,
    entries: new Map(input.lists.cpl.map((entry) => [entry.entryId, entry])),
    groups: groupsOf(input, requestedAtMs),
    firstDays: input.requests.map(({ readyDay, priority }, at) =>
      Math.max(
        startDay,
        readyDay === undefined ? startDay : checkedDay(readyDay),
        priority === 'security' ? startDay : dayFrom(requestedAtMs[at]!),
      ),
    ),
    requestedAtMs,
    epclDays: input.cohorts.map((cohort, at) => epclDayOf(input, cohort, input.requests[cohortRequest[at]!])),
    eventsAtMs: input.events.map(({ at }) => checkedInstant(at)),
  };
}

/** First requester first; who asks near the first of a group shares its turn (Annex D 1.4). */
function groupsOf({ requests, policy }: CampaignInput, requestedAtMs: readonly number[]): readonly number[] {
  const groups = requests.map(() => 0);
  const order = requests
    .map((_, at) => at)
    .toSorted((one, other) => requestedAtMs[one]! - requestedAtMs[other]! || one - other);
  let group = -1;
  let firstMs = Number.NEGATIVE_INFINITY;
  for (const at of order) {
    if (requestedAtMs[at]! - firstMs > policy.simultaneousDays * MS_PER_DAY) {
      group += 1;
      firstMs = requestedAtMs[at]!;
    }
    groups[at] = group;
  }
  return groups;
}

/** The day from which the combination that a dormant cohort shall match is approved, or tested by route (a) or (b). Infinite: never. */
function epclDayOf({ lists }: CampaignInput, cohort: Cohort, request: Request | undefined): number | undefined {
  if (!cohort.dormant || request?.deviceType === 'comms-hub') return undefined;
  const entry = lists.epcl.find(({ entryId }) => entryId === cohort.epclEntryId);
  if (entry === undefined) return Number.POSITIVE_INFINITY;
  const route = entry.route?.kind === 'a' ? entry.route.testingCompleteOn : entry.route?.reportPublishedOn;
  const days = [entry.status === 'approved' ? entry.approvedOn : undefined, route].flatMap((day) =>
    day === undefined ? [] : [checkedDay(day)],
  );
  return Math.min(Number.POSITIVE_INFINITY, ...days);
}

/** Whether the EPCL entry of a dormant cohort holds the target's product. */
export function isCombinationListed({ input, entries }: Campaign, cohort: Cohort, targetEntryId: string): boolean {
  const target = entries.get(targetEntryId);
  const combination = input.lists.epcl.find(({ entryId }) => entryId === cohort.epclEntryId);
  return (
    target !== undefined &&
    combination !== undefined &&
    combination.products.some(
      ({ deviceModel, hardware, firmwareVersion }) =>
        deviceModel === target.deviceModel &&
        hardware === target.hardware &&
        firmwareVersion === target.firmwareVersion,
    )
  );
}

/** Index of the cohort that the meter belongs to. */
export function cohortOf({ cohortFirst }: Campaign, meter: number): number {
  let low = 0;
  let high = cohortFirst.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (cohortFirst[middle]! <= meter) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** @throws CampaignError `misuse` when there is no such meter. */
export function deviceIdOf(campaign: Campaign, meter: number): string {
  if (!Number.isInteger(meter) || meter < 0 || meter >= campaign.meterCount)
    throw new CampaignError('misuse', `there is no meter ${meter}; there are ${campaign.meterCount}`);
  const at = cohortOf(campaign, meter);
  const { meters } = campaign.input.cohorts[at]!;
  const within = meter - campaign.cohortFirst[at]!;
  return 'count' in meters ? textOfEui64(eui64Of(meters.firstDeviceId) + BigInt(within)) : meters.deviceIds[within]!;
}

export function requestAt({ input }: Campaign, at: number): Request {
  return input.requests[at]!;
}

export function userAt({ input }: Campaign, at: number): User {
  return input.users[at]!;
}

/** @throws CampaignError `journal-damaged` when the id is not in the input. */
export function indexOf(ids: ReadonlyMap<string, number>, id: string): number {
  const at = ids.get(id);
  if (at === undefined) throw new CampaignError('journal-damaged', `${id} is in the journal and not in the input`);
  return at;
}

function indexed<T>(items: readonly T[], key: (item: T) => string): ReadonlyMap<string, number> {
  return new Map(items.map((item, at) => [key(item), at]));
}
