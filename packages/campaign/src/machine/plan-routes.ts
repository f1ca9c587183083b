/** Ways over interim versions for the cohorts of a request, asked of the hop planner before anything starts. */
import { HOPS_MAX } from '../limits.js';
import type { Cohort, Request } from '../model/campaign-input.js';
import type { Commanded, Requested, RequestRefusal, RetargetRoutes, Route } from '../model/campaign-record.js';
import type { CampaignState, RouteState } from '../model/campaign-state.js';
import { type Campaign, indexOf, isCombinationListed, requestAt, userAt } from './campaign.js';

interface Way {
  readonly hops: Route['hops'];
}

type WayPlan = { readonly ok: true; readonly way: Way } | { readonly ok: false; readonly proof: object };

/** Takes a request up with its routes, or refuses it. */
export function requestedOf(campaign: Campaign, state: CampaignState, index: number): Requested {
  const request = requestAt(campaign, index);
  const cohorts = request.cohortIds.map((id) => campaign.input.cohorts[indexOf(campaign.cohorts, id)]!);
  const plans = cohorts.map((cohort) => ({
    cohort,
    plan: wayOf(campaign, cohort.entryId, request.targetEntryId, new Set()),
  }));
  const withoutPath = plans.flatMap(({ cohort, plan }) =>
    plan.ok ? [] : [{ cohortId: cohort.cohortId, proof: plan.proof }],
  );
  const refusal =
    wrongParty(campaign, request, cohorts) ??
    (withoutPath.length === cohorts.length || (withoutPath.length > 0 && !request.skipCohortsWithoutPath)
      ? refused(
          'no-path',
          `no way to ${request.targetEntryId} for ${withoutPath.map((one) => one.cohortId).join(', ')}`,
        )
      : tooLong(plans.map(({ plan }) => plan)));
  const common = { kind: 'requested', requestId: request.requestId } as const;
  if (refusal !== undefined) return { ...common, outcome: 'refused', refusal, routes: [], withoutPath };
  let route = state.routes.length;
  const routes = plans.flatMap(({ cohort, plan }): Route[] =>
    plan.ok ? [{ route: route++, cohortId: cohort.cohortId, fromEntryId: cohort.entryId, hops: plan.way.hops }] : [],
  );
  const { schedule } = request;
  return { ...common, outcome: 'accepted', routes, withoutPath, ...(schedule === undefined ? {} : { schedule }) };
}

/** Routes of a paused or stopped request to another version; none when it is neither. */
export function retargetRoutes(
  campaign: Campaign,
  state: CampaignState,
  requestId: string,
  targetEntryId: string,
): NonNullable<Commanded['routes']> {
  const index = indexOf(campaign.requests, requestId);
  const { status } = state.requests[index]!;
  if (status !== 'paused' && status !== 'stopped') return [];
  let next = state.routes.length;
  const routeTo = (from: string, cohortId: string, behind: ReadonlySet<string>): Route | undefined => {
    const plan = wayOf(campaign, from, targetEntryId, behind);
    if (!plan.ok || plan.way.hops.length > HOPS_MAX) return undefined;
    return { route: next++, cohortId, fromEntryId: from, hops: plan.way.hops };
  };
  return state.routes.flatMap((old, replaces): RetargetRoutes[] => {
    if (old.request !== index || old.isReplaced) return [];
    const { cohortId, fromEntryId, hops } = old.route;
    const fresh = routeTo(fromEntryId, cohortId, imagesBefore(state, old));
    const after = routeTo(
      hops.at(-1)?.entryId ?? fromEntryId,
      cohortId,
      new Set([...imagesBefore(state, old), ...hops.map(({ imageHash }) => imageHash)]),
    );
    return [{ replaces, ...(fresh === undefined ? {} : { fresh }), ...(after === undefined ? {} : { after }) }];
  });
}

/** Images that a meter may have taken before it came to this route. */
function imagesBefore(state: CampaignState, { before }: RouteState): ReadonlySet<string> {
  const images = new Set<string>();
  for (let at = before; at !== undefined; at = state.routes[at]!.before)
    for (const { imageHash } of state.routes[at]!.route.hops) images.add(imageHash);
  return images;
}

function wayOf(campaign: Campaign, from: string, to: string, behind: ReadonlySet<string>): WayPlan {
  const { lists, startDay, policy } = campaign.input;
  const { largeAboveOctets } = policy;
  // Combinations are judged day by day while the campaign runs (rule R28), not once beforehand.
  const plan = campaign.products.planHops(lists, from, to, {
    day: startDay,
    combination: 'not-asked',
    largeAboveOctets,
  });
  if (!plan.ok) return plan;
  const hops = plan.path.hops.map(({ to: entryId, manufacturerImageHash, imageOctets }) => ({
    entryId,
    imageHash: manufacturerImageHash,
    large: imageOctets > largeAboveOctets,
  }));
  const seen = new Set(behind);
  for (const { imageHash } of hops) {
    if (seen.has(imageHash)) return { ok: false, proof: { kind: 'same-image-twice', imageHash } };
    seen.add(imageHash);
  }
  return { ok: true, way: { hops } };
}

/** Who may ask for which meters: Suppliers for theirs, the DCC for dormant ones (TMAD 4.26) and communications hubs. */
function wrongParty(campaign: Campaign, request: Request, cohorts: readonly Cohort[]): Requested['refusal'] {
  const { role } = userAt(campaign, indexOf(campaign.users, request.userId));
  const isHub = request.deviceType === 'comms-hub';
  for (const cohort of cohorts) {
    const { cohortId, dormant, userId } = cohort;
    if (role === 'dcc' && !dormant && !isHub)
      return refused('no-deemed-consent', `${cohortId} is not dormant; its Supplier must ask`);
    if (role === 'supplier' && (dormant || isHub || userId !== request.userId))
      return refused('not-the-responsible-supplier', `${cohortId} is not for ${request.userId} to update`);
    if (dormant && !isHub && !isCombinationListed(campaign, cohort, request.targetEntryId))
      return refused(
        'combination-not-listed',
        `${cohortId}: ${cohort.epclEntryId ?? ''} does not hold ${request.targetEntryId}`,
      );
  }
  return undefined;
}

function tooLong(plans: readonly WayPlan[]): Requested['refusal'] {
  const most = Math.max(0, ...plans.map((plan) => (plan.ok ? plan.way.hops.length : 0)));
  return most > HOPS_MAX ? refused('too-many-hops', `a way has ${most} hops; ${HOPS_MAX} are the most`) : undefined;
}

function refused(code: RequestRefusal, message: string): NonNullable<Requested['refusal']> {
  return { code, message };
}
