/** Every bound of this package, with its unit in the name. What is marked "modelled policy" was found in no public text. */

/** An OTA Upgrade Image with more octets is large (MP230: "750 kB"; that a kilobyte has 1,000 octets is modelled policy). */
export const LARGE_IMAGE_OCTETS = 750_000;
/** The largest image of the protocol. */
export const IMAGE_OCTETS_MAX = 10_240_000;

/** Entries of either list. The public lists have some thousands. */
export const LIST_ENTRIES_MAX = 10_000;
/** Versions that one entry may be put on, and devices of one installation. */
export const UPGRADABLE_FROM_MAX = 256;
export const PRODUCTS_PER_COMBINATION_MAX = 16;
/** Of an entry id, a device model, a hardware revision. */
export const NAME_CHARACTERS_MAX = 64;

/** One cohort file: a million devices with an entry id each fit well. */
export const CSV_CHARACTERS_MAX: number = 128 * 1024 * 1024;
export const CSV_ROWS_MAX = 1_000_000;
export const CSV_CELL_CHARACTERS_MAX = 256;
export const CSV_COLUMNS_MAX = 16;
/** Of foreign text that a message repeats. */
export const QUOTED_CHARACTERS_MAX = 40;
