/**
 * The two product lists as plain data.
 *
 * Public: the Central Products List (CPL) has entries with model, hardware, version, hash and status; MP231 adds the ids of the entries that
 * may be upgraded to this one, or N/A; the Eligible Products Combinations List (EPCL) has combinations of device models with their firmware,
 * planned or approved, and a planned one may be worked towards once (a) its testing is complete or (b) the DMCT report that proposes it is
 * published. Modelled policy, because no public text gives it: how all of this is written down, `takesUpdates`, `operable`, `imageOctets`.
 */
import * as v from 'valibot';
import type { Checked, ListFault, ListFaultCode } from '../errors.js';
import { quoted } from '../errors.js';
import {
  IMAGE_OCTETS_MAX,
  LIST_ENTRIES_MAX,
  NAME_CHARACTERS_MAX,
  PRODUCTS_PER_COMBINATION_MAX,
  UPGRADABLE_FROM_MAX,
} from '../limits.js';
import { isDay } from './calendar-day.js';

/** A device model with its hardware and the firmware that runs on it. */
export interface Product {
  readonly deviceModel: string;
  readonly hardware: string;
  /** 8 hex digits in upper case, as in the header of an image. */
  readonly firmwareVersion: string;
}

export type CplStatus = 'Active' | 'Cancelled' | 'Expired' | 'Withdrawn';

export interface CplEntry extends Product {
  readonly entryId: string;
  /** SHA-256 of the Manufacturer Image, 64 hex digits in lower case: the `FirmwareHash` of SRV 11.3. */
  readonly manufacturerImageHash: string;
  readonly status: CplStatus;
  /** Of the OTA Upgrade Image: it decides whether a start of it is large. */
  readonly imageOctets: number;
  /** Entries whose firmware may be replaced by this one (MP231). `N/A`: none. */
  readonly upgradableFrom: readonly string[] | 'N/A';
  /** A meter that runs this can be given another version over the air. */
  readonly takesUpdates: boolean;
  /** A meter that runs this can be operated, so it may stay there if what comes next is called off. */
  readonly operable: boolean;
}

/** What must have happened before a planned combination may be worked towards (TMAD 4.26). Without its day it has not happened. */
export type EpclRoute =
  | { readonly kind: 'a'; readonly testingCompleteOn?: string | undefined }
  | { readonly kind: 'b'; readonly reportPublishedOn?: string | undefined };

export type EpclEntry = {
  readonly entryId: string;
  /** Every device of the installation that firmware matters for, in any order, none twice. */
  readonly products: readonly Product[];
  readonly route?: EpclRoute | undefined;
} & ({ readonly status: 'planned' } | { readonly status: 'approved'; readonly approvedOn: string });

/** Checked by {@link productListsOf}: ids are unique and every id in `upgradableFrom` is an entry. */
export interface ProductLists {
  readonly cpl: readonly CplEntry[];
  readonly epcl: readonly EpclEntry[];
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const NAME_WORDS = `is not 1 to ${NAME_CHARACTERS_MAX} letters, digits, dots, dashes and underscores that begin with a letter or digit`;

/** Whether `text` can be an entry id. */
export function isName(text: string): boolean {
  return text.length <= NAME_CHARACTERS_MAX && NAME.test(text);
}

const name = v.pipe(v.string(), v.check(isName, NAME_WORDS));
const day = v.pipe(v.string(), v.check(isDay, 'is not a day, as in 2026-11-30'));
const product = {
  deviceModel: name,
  hardware: name,
  firmwareVersion: v.pipe(v.string(), v.regex(/^[0-9A-Fa-f]{8}$/, 'is not 8 hex digits'), v.toUpperCase()),
};
const cplEntry = v.strictObject({
  entryId: name,
  ...product,
  manufacturerImageHash: v.pipe(v.string(), v.regex(/^[0-9A-Fa-f]{64}$/, 'is not 64 hex digits'), v.toLowerCase()),
  status: v.picklist(['Active', 'Cancelled', 'Expired', 'Withdrawn']),
  imageOctets: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(IMAGE_OCTETS_MAX)),
  upgradableFrom: v.union(
    [v.literal('N/A'), v.pipe(v.array(name), v.minLength(1), v.maxLength(UPGRADABLE_FROM_MAX))],
    `is neither "N/A" nor a list of 1 to ${UPGRADABLE_FROM_MAX} entry ids`,
  ),
  takesUpdates: v.boolean(),
  operable: v.boolean(),
});
const route = v.variant('kind', [
  v.strictObject({ kind: v.literal('a'), testingCompleteOn: v.optional(day) }),
  v.strictObject({ kind: v.literal('b'), reportPublishedOn: v.optional(day) }),
]);
const combination = {
  entryId: name,
  products: v.pipe(v.array(v.strictObject(product)), v.minLength(1), v.maxLength(PRODUCTS_PER_COMBINATION_MAX)),
  route: v.optional(route),
};
const epclEntry = v.variant('status', [
  v.strictObject({ ...combination, status: v.literal('planned') }),
  v.strictObject({ ...combination, status: v.literal('approved'), approvedOn: day }),
]);
const lists = v.strictObject({
  cpl: v.pipe(v.array(cplEntry), v.maxLength(LIST_ENTRIES_MAX)),
  epcl: v.pipe(v.array(epclEntry), v.maxLength(LIST_ENTRIES_MAX)),
});

/**
 * Product lists from parsed JSON, `{ "cpl": [ … ], "epcl": [ … ] }`; keys that are not named here are refused. Text should come through a parser
 * that refuses equal keys, which `JSON.parse` does not.
 *
 * @returns the lists, versions in upper and hashes in lower case; or the first fault, with its path.
 */
export function productListsOf(json: unknown): Checked<ProductLists, ListFault> {
  const parsed = v.safeParse(lists, json, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return bad('malformed', v.getDotPath(issue) ?? '', issue.message);
  }
  const found = cplFault(parsed.output.cpl) ?? epclFault(parsed.output.epcl);
  return found ?? { ok: true, value: parsed.output };
}

type Bad = { readonly ok: false; readonly fault: ListFault };

function cplFault(cpl: readonly CplEntry[]): Bad | undefined {
  const ids = new Set<string>();
  for (const [at, { entryId }] of cpl.entries()) {
    if (ids.has(entryId)) return bad('duplicate-entry', `cpl.${at}.entryId`, `${entryId} is there twice`);
    ids.add(entryId);
  }
  for (const [at, { entryId, upgradableFrom }] of cpl.entries()) {
    if (upgradableFrom === 'N/A') continue;
    for (const [k, from] of upgradableFrom.entries()) {
      const path = `cpl.${at}.upgradableFrom.${k}`;
      if (!ids.has(from))
        return bad('unknown-entry', path, `${quoted(from)} is no entry of the list; add it or leave it out`);
      if (from === entryId) return bad('upgrades-itself', path, `${entryId} cannot be upgraded to itself`);
      if (upgradableFrom.indexOf(from) < k) return bad('duplicate-upgrade', path, `${from} is named twice`);
    }
  }
  return undefined;
}

function epclFault(epcl: readonly EpclEntry[]): Bad | undefined {
  const ids = new Set<string>();
  for (const [at, { entryId, products }] of epcl.entries()) {
    if (ids.has(entryId)) return bad('duplicate-entry', `epcl.${at}.entryId`, `${entryId} is there twice`);
    ids.add(entryId);
    const keys = products.map(productKey);
    const twice = keys.findIndex((key, k) => keys.indexOf(key) < k);
    if (twice >= 0) return bad('duplicate-product', `epcl.${at}.products.${twice}`, 'the same product is named twice');
  }
  return undefined;
}

/** Equal for equal products only: a space is in no name. */
export function productKey({ deviceModel, hardware, firmwareVersion }: Product): string {
  return `${deviceModel} ${hardware} ${firmwareVersion}`;
}

function bad(code: ListFaultCode, path: string, what: string): Bad {
  return { ok: false, fault: { code, path, message: `${path === '' ? 'the lists' : path}: ${what}` } };
}
