/**
 * What a campaign asks of `@smets1/products`, which fills this port as it is: `import * as products from '@smets1/products'`.
 * The shapes are those of that package, named here so that a campaign can be planned with other lists and another planner.
 */

export interface CplEntry {
  readonly entryId: string;
  readonly deviceModel: string;
  readonly hardware: string;
  /** 8 hex digits. */
  readonly firmwareVersion: string;
  /** SHA-256 of the Manufacturer Image, 64 hex digits in lower case: the `FirmwareHash` of SRV 11.3. */
  readonly manufacturerImageHash: string;
  readonly status: 'Active' | 'Cancelled' | 'Expired' | 'Withdrawn';
  /** Of the OTA Upgrade Image. */
  readonly imageOctets: number;
  /** Entries whose firmware may be replaced by this one (MP231). */
  readonly upgradableFrom: readonly string[] | 'N/A';
  readonly takesUpdates: boolean;
  readonly operable: boolean;
}

export type EpclEntry = {
  readonly entryId: string;
  readonly products: readonly Pick<CplEntry, 'deviceModel' | 'hardware' | 'firmwareVersion'>[];
  readonly route?:
    | { readonly kind: 'a'; readonly testingCompleteOn?: string | undefined }
    | { readonly kind: 'b'; readonly reportPublishedOn?: string | undefined }
    | undefined;
} & ({ readonly status: 'planned' } | { readonly status: 'approved'; readonly approvedOn: string });

export interface ProductLists {
  readonly cpl: readonly CplEntry[];
  readonly epcl: readonly EpclEntry[];
}

export interface HopOptions {
  /** `YYYY-MM-DD`. */
  readonly day: string;
  /** A campaign asks `not-asked`: it judges the combinations itself, each day anew. */
  readonly combination: 'approved' | 'approved-or-tested' | 'not-asked';
  readonly largeAboveOctets?: number;
}

export interface Hop {
  readonly from: string;
  readonly to: string;
  readonly manufacturerImageHash: string;
  readonly imageOctets: number;
  readonly isLarge: boolean;
}

export type HopPlan =
  | { readonly ok: true; readonly path: { readonly hops: readonly Hop[] } }
  /** The proof is plain data; it is put into the journal as it is. */
  | { readonly ok: false; readonly proof: object };

export interface ProductsPort {
  productListsOf(
    json: unknown,
  ):
    | { readonly ok: true; readonly value: ProductLists }
    | { readonly ok: false; readonly fault: { readonly path: string; readonly message: string } };
  planHops(lists: ProductLists, from: string, to: string, options: HopOptions): HopPlan;
}
