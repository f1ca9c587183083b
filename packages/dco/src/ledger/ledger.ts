/**
 * What is known of the daily capacity for large images: starts per day and User, and what was agreed. Plain data, changed in
 * `ledger-change.ts` alone. SEC modification MP230, Annex D: the DCC system takes so many large images a day, over all Users.
 */
import { dayOfMs } from './day.js';

/** A User's delivery schedule: what the DCC agrees after the bulk approval form (Annex D 1.2). Days are inclusive. */
export interface Schedule {
  /** Names the form; the same one again alters the schedule. */
  readonly reference: string;
  /** Originator of the User's requests, in upper case. */
  readonly userId: string;
  readonly fromDay: number;
  readonly toDay: number;
  /** Large images that this User may start on each of these days. */
  readonly perDay: number;
  /** When it was put, as the two below. */
  readonly atMs: number;
}

/** How much capacity there is, from a day on until the next change. */
export interface CapacityChange {
  readonly fromDay: number;
  /** Large images a day. */
  readonly perDay: number;
  /** How many of them other traffic takes: large images use what it leaves (MP230 §7). */
  readonly otherTraffic: number;
  readonly reference: string;
  readonly atMs: number;
}

/** A security incident about one image (Annex D 1.5). */
export interface Incident {
  readonly reference: string;
  readonly isOpen: boolean;
  /** Manufacturer Image Hash in hex: releases of it go first. */
  readonly firmwareHash: string;
  /** 1 goes first. */
  readonly priority: number;
  /** While it is open, large images of no incident wait. */
  readonly halts: boolean;
  readonly atMs: number;
}

/** Starts of one User on one day; written anew with each start. */
export interface Starts {
  readonly day: number;
  readonly userId: string;
  readonly count: number;
}

export interface Ledger {
  /** The day that starts count for, unless the clock says a later one; undefined before the first start. */
  readonly day: number | undefined;
  /** Of the newest days: starts by User. */
  readonly starts: ReadonlyMap<number, ReadonlyMap<string, number>>;
  /** By reference. */
  readonly schedules: ReadonlyMap<string, Schedule>;
  /** By first day. */
  readonly changes: ReadonlyMap<number, CapacityChange>;
  /** By reference. */
  readonly incidents: ReadonlyMap<string, Incident>;
}

export const EMPTY_LEDGER: Ledger = {
  day: undefined,
  starts: new Map(),
  schedules: new Map(),
  changes: new Map(),
  incidents: new Map(),
};

/**
 * The day that a start now counts for. A clock that was set back does not bring a day back: starts go on counting for the latest day that
 * had one.
 */
export function ledgerDay(ledger: Ledger, nowMs: number): number {
  const today = dayOfMs(nowMs);
  return ledger.day === undefined ? today : Math.max(ledger.day, today);
}

export function startsOn(ledger: Ledger, day: number): number {
  let count = 0;
  for (const ofUser of ledger.starts.get(day)?.values() ?? []) count += ofUser;
  return count;
}

export function startsOfUser(ledger: Ledger, day: number, userId: string): number {
  return ledger.starts.get(day)?.get(userId) ?? 0;
}
