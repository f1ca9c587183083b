/** Shares a day's images among those who asked at the same time: max-min fair by population, and by what each had before. */

export interface Share {
  /** Images asked for in all: the weight. At least `given` + `able`. */
  readonly asked: number;
  /** Images given before. */
  readonly given: number;
  /** Most that it can take today. */
  readonly able: number;
}

/** A share that may be several together: what it gets is shared again among those within it. */
export interface Claim extends Share {
  /** Together they may be able to take more than the claim is: a limit that they have in common. None: nobody is within it. */
  readonly within: readonly Claim[];
}

/** @returns images for each claim that has nobody within it; the others are left out. */
export function shareOut(claims: readonly Claim[], images: number): ReadonlyMap<Claim, number> {
  const found = new Map<Claim, number>();
  for (const [k, amount] of shareDay(claims, images).entries()) {
    const claim = claims[k]!;
    if (claim.within.length === 0) found.set(claim, amount);
    else for (const [one, some] of shareOut(claim.within, amount)) found.set(one, some);
  }
  return found;
}

/**
 * Each image goes to whoever has the smallest part of what it asked for and can take one more; of equals, to the earlier one in `shares`. So
 * nobody could have more without somebody who has a smaller part having less, and nothing is left while anyone can take it.
 *
 * @returns images for each of `shares`, in the same order; together the smaller of `images` and all that they are able to take.
 */
export function shareDay(shares: readonly Share[], images: number): readonly number[] {
  const { low, high } = levelsFor(shares, images);
  let left = images - sum(shares.map((share) => amountUpTo(low, share)));
  return shares.map((share) => {
    const amount = amountUpTo(low, share);
    // What lies between the levels are images of one and the same part.
    const more = Math.min(left, amountUpTo(high, share) - amount);
    left -= more;
    return amount + more;
  });
}

/** Halvings of the levels between -1 and 1. Two parts that differ, k/m and l/n, do so by more than 2^-48 while m and n are below 16 million. */
const HALVINGS = 50;

/** Two levels so near that there is at most one part between them: up to `low` there are images enough for everybody, up to `high` there may not be. */
function levelsFor(shares: readonly Share[], images: number): { readonly low: number; readonly high: number } {
  let low = -1; // Nobody gets anything.
  let high = 1;
  for (let round = 0; round < HALVINGS; round += 1) {
    const middle = (low + high) / 2;
    if (sum(shares.map((share) => amountUpTo(middle, share))) <= images) low = middle;
    else high = middle;
  }
  return { low, high };
}

/** Images that one would be given until, before the next one, its part is above `level`. */
function amountUpTo(level: number, { asked, given, able }: Share): number {
  return Math.min(able, Math.max(0, Math.floor(level * asked) + 1 - given));
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0);
}
