/** Requests made at the same time, and how they share what is left of a day. Mutable, and never seen outside of this folder. */
import type { DeliveryBatch, DeliveryPolicy, GroupFairness } from './delivery-plan.js';
import type { Progress } from './progress.js';
import { shareDay } from './share-day.js';

/** Images that a User, or a request with a schedule of its own, may still start today; by the name of the limit. */
export type LimitsLeft = Map<string, number>;

interface Party {
  readonly limit: string;
  readonly limitPerDay: number;
  /** By time of request. */
  readonly members: Progress[];
}

export class ClaimGroup {
  readonly #parties: readonly Party[];
  #measuredDay: number | undefined;
  #givenWhenMeasured: readonly number[] = [];
  #leadImagesMax = 0;

  /** @param members - By time of request. */
  constructor(members: readonly Progress[], policy: DeliveryPolicy) {
    const parties = new Map<string, Party>();
    for (const member of members) {
      const { requestId, userId, perDayMax } = member.request;
      const limit = perDayMax === undefined ? `user ${userId}` : `request ${requestId}`;
      const party = parties.get(limit) ?? { limit, limitPerDay: perDayMax ?? policy.perUserPerDayMax, members: [] };
      party.members.push(member);
      parties.set(limit, party);
    }
    this.#parties = [...parties.values()];
  }

  /** Starts what it may of `images`, and tells `limits` and `onBatch`. @returns how many. */
  serve(day: number, images: number, limits: LimitsLeft, onBatch: (batch: DeliveryBatch) => void): number {
    const shares = this.#parties.map(({ limit, limitPerDay, members }) => ({
      asked: total(members, ({ starts }) => starts),
      given: total(members, ({ given }) => given),
      able: Math.min(
        limits.get(limit) ?? limitPerDay,
        total(members, ({ able }) => able),
      ),
    }));
    const amounts = shareDay(shares, images);
    for (const [k, party] of this.#parties.entries()) {
      let left = amounts[k]!;
      limits.set(party.limit, (limits.get(party.limit) ?? party.limitPerDay) - left);
      for (const member of party.members) {
        const { requestId, userId } = member.request;
        for (const { hop, images: some } of member.take(left, day)) {
          onBatch({ day, requestId, userId, hop, images: some });
          left -= some;
        }
      }
    }
    this.#measure(day, shares, amounts);
    return amounts.reduce((sum, amount) => sum + amount, 0);
  }

  #measure(
    day: number,
    shares: readonly { readonly asked: number; readonly given: number; readonly able: number }[],
    amounts: readonly number[],
  ): void {
    const after = shares.map(({ given }, k) => given + amounts[k]!);
    const parts = shares.map(({ asked }, k) => after[k]! / asked);
    const poorest = Math.min(...parts.filter((_, k) => amounts[k]! < shares[k]!.able));
    for (const [k, { asked }] of shares.entries()) {
      if (amounts[k]! > 0) this.#leadImagesMax = Math.max(this.#leadImagesMax, rounded((parts[k]! - poorest) * asked));
    }
    if (this.#givenWhenMeasured.some((given, k) => given === shares[k]!.asked)) return;
    this.#measuredDay = day;
    this.#givenWhenMeasured = after;
  }

  /** Undefined when there was nobody to share with, or no day to do so. */
  fairness(): GroupFairness | undefined {
    if (this.#parties.length < 2 || this.#measuredDay === undefined) return undefined;
    const claims = this.#parties.map(({ members }, k) => ({
      userId: members[0]!.request.userId,
      requestIds: members.map(({ request }) => request.requestId),
      asked: total(members, ({ starts }) => starts),
      given: this.#givenWhenMeasured[k]!,
    }));
    const jain = jainIndex(claims.map(({ given, asked }) => given / asked));
    return { claims, measuredDay: this.#measuredDay, jain, leadImagesMax: this.#leadImagesMax };
  }
}

/** Without the noise of dividing and multiplying again. */
function rounded(images: number): number {
  return Number(images.toFixed(6));
}

/** (Σx)² / (n·Σx²); 1 when nobody has anything. */
function jainIndex(parts: readonly number[]): number {
  const sum = parts.reduce((total, part) => total + part, 0);
  const squares = parts.reduce((total, part) => total + part * part, 0);
  return squares === 0 ? 1 : (sum * sum) / (parts.length * squares);
}

function total(members: readonly Progress[], of: (member: Progress) => number): number {
  return members.reduce((sum, member) => sum + of(member), 0);
}
