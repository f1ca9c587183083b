/** Goal: product lists are taken when they are whole and unambiguous, and what is wrong with them is said with its place. */
import { describe, expect, it } from 'vitest';
import {
  IMAGE_OCTETS_MAX,
  LIST_ENTRIES_MAX,
  NAME_CHARACTERS_MAX,
  PRODUCTS_PER_COMBINATION_MAX,
  UPGRADABLE_FROM_MAX,
} from '../limits.js';
import { isDay } from './calendar-day.js';
import { isName, type ProductLists, productListsOf } from './product-lists.js';

const PRODUCT = { deviceModel: '121D0001', hardware: '0101', firmwareVersion: '0000000A' };
const E1 = {
  entryId: 'E1',
  ...PRODUCT,
  manufacturerImageHash: 'ab'.repeat(32),
  status: 'Active',
  imageOctets: 971_304,
  upgradableFrom: 'N/A',
  takesUpdates: true,
  operable: true,
};
const E2 = { ...E1, entryId: 'E2', upgradableFrom: ['E1'] };
const C1 = { entryId: 'C1', products: [PRODUCT], status: 'planned' };

function read(json: unknown): ProductLists | readonly [string, string, string] {
  const lists = productListsOf(json);
  return lists.ok ? lists.value : [lists.fault.code, lists.fault.path, lists.fault.message];
}

describe('product lists', () => {
  it('come back as they were, versions in upper case and hashes in lower case', () => {
    const cpl = [E1, { ...E2, firmwareVersion: '0000000b', manufacturerImageHash: 'CD'.repeat(32) }];
    const epcl = [
      C1,
      { ...C1, entryId: 'C2', route: { kind: 'a', testingCompleteOn: '2024-02-29' } },
      { ...C1, entryId: 'C3', route: { kind: 'b', reportPublishedOn: '2026-12-31' } },
      { ...C1, entryId: 'C4', route: { kind: 'b' }, status: 'approved', approvedOn: '2026-04-30' },
    ];
    expect(read({ cpl, epcl })).toEqual({
      cpl: [E1, { ...E2, firmwareVersion: '0000000B', manufacturerImageHash: 'cd'.repeat(32) }],
      epcl,
    });
  });

  it('may be as large as the limits', () => {
    const sources = Array.from({ length: UPGRADABLE_FROM_MAX }, (_, k) => ({ ...E1, entryId: `S${k}` }));
    const last = { ...E1, imageOctets: IMAGE_OCTETS_MAX, upgradableFrom: sources.map(({ entryId }) => entryId) };
    const products = Array.from({ length: PRODUCTS_PER_COMBINATION_MAX }, (_, k) => ({ ...PRODUCT, hardware: `${k}` }));
    expect(read({ cpl: [...sources, last], epcl: [{ ...C1, products }] })).toHaveProperty('cpl');
  });

  const many = Array.from({ length: LIST_ENTRIES_MAX + 1 }, (_, k) => ({ ...E1, entryId: `S${k}` }));
  const names = many.slice(0, UPGRADABLE_FROM_MAX + 1).map(({ entryId }) => entryId);
  const crowd = Array.from({ length: PRODUCTS_PER_COMBINATION_MAX + 1 }, (_, k) => ({ ...PRODUCT, hardware: `${k}` }));

  it.each<readonly [string, unknown, string, string]>([
    ['are something else', 'E1', '', 'malformed'],
    ['miss one of the two', { cpl: [] }, 'epcl', 'malformed'],
    ['have a key that nobody knows', { cpl: [], epcl: [], colour: 1 }, 'colour', 'malformed'],
    ['are too many', { cpl: many, epcl: [] }, 'cpl', 'malformed'],
    ['miss a field', { cpl: [{ ...E1, operable: undefined }], epcl: [] }, 'cpl.0.operable', 'malformed'],
    ['have a field that nobody knows', { cpl: [{ ...E1, colour: 1 }], epcl: [] }, 'cpl.0.colour', 'malformed'],
    ['have an entry without name', { cpl: [{ ...E1, entryId: '' }], epcl: [] }, 'cpl.0.entryId', 'malformed'],
    [
      'have a version too short',
      { cpl: [{ ...E1, firmwareVersion: 'A' }], epcl: [] },
      'cpl.0.firmwareVersion',
      'malformed',
    ],
    [
      'have a hash too long',
      { cpl: [{ ...E1, manufacturerImageHash: 'ab'.repeat(33) }], epcl: [] },
      'cpl.0.manufacturerImageHash',
      'malformed',
    ],
    ['have an unknown status', { cpl: [{ ...E1, status: 'active' }], epcl: [] }, 'cpl.0.status', 'malformed'],
    ['have an empty image', { cpl: [{ ...E1, imageOctets: 0 }], epcl: [] }, 'cpl.0.imageOctets', 'malformed'],
    ['have half an octet', { cpl: [{ ...E1, imageOctets: 1.5 }], epcl: [] }, 'cpl.0.imageOctets', 'malformed'],
    [
      'have too large an image',
      { cpl: [{ ...E1, imageOctets: IMAGE_OCTETS_MAX + 1 }], epcl: [] },
      'cpl.0.imageOctets',
      'malformed',
    ],
    [
      'have an empty list of sources',
      { cpl: [{ ...E1, upgradableFrom: [] }], epcl: [] },
      'cpl.0.upgradableFrom',
      'malformed',
    ],
    [
      'have too many sources',
      { cpl: [{ ...E1, upgradableFrom: names }], epcl: [] },
      'cpl.0.upgradableFrom',
      'malformed',
    ],
    [
      'have a source that is no name',
      { cpl: [{ ...E1, upgradableFrom: [7] }], epcl: [] },
      'cpl.0.upgradableFrom',
      'malformed',
    ],
    ['have "true" for true', { cpl: [{ ...E1, takesUpdates: 'true' }], epcl: [] }, 'cpl.0.takesUpdates', 'malformed'],
    ['have an entry twice', { cpl: [E1, E2, E1], epcl: [] }, 'cpl.2.entryId', 'duplicate-entry'],
    ['upgrade from nowhere', { cpl: [E2], epcl: [] }, 'cpl.0.upgradableFrom.0', 'unknown-entry'],
    [
      'upgrade an entry to itself',
      { cpl: [E1, { ...E2, upgradableFrom: ['E1', 'E2'] }], epcl: [] },
      'cpl.1.upgradableFrom.1',
      'upgrades-itself',
    ],
    [
      'name a source twice',
      { cpl: [E1, { ...E2, upgradableFrom: ['E1', 'E1'] }], epcl: [] },
      'cpl.1.upgradableFrom.1',
      'duplicate-upgrade',
    ],
    ['have a combination of nothing', { cpl: [], epcl: [{ ...C1, products: [] }] }, 'epcl.0.products', 'malformed'],
    ['have a combination of too much', { cpl: [], epcl: [{ ...C1, products: crowd }] }, 'epcl.0.products', 'malformed'],
    ['are approved on no day', { cpl: [], epcl: [{ ...C1, status: 'approved' }] }, 'epcl.0.approvedOn', 'malformed'],
    [
      'are approved on a day that is none',
      { cpl: [], epcl: [{ ...C1, status: 'approved', approvedOn: '2026-02-29' }] },
      'epcl.0.approvedOn',
      'malformed',
    ],
    [
      'are approved and only planned',
      { cpl: [], epcl: [{ ...C1, approvedOn: '2026-04-30' }] },
      'epcl.0.approvedOn',
      'malformed',
    ],
    ['go a route that is none', { cpl: [], epcl: [{ ...C1, route: { kind: 'c' } }] }, 'epcl.0.route.kind', 'malformed'],
    [
      'have the day of the other route',
      { cpl: [], epcl: [{ ...C1, route: { kind: 'a', reportPublishedOn: '2026-04-30' } }] },
      'epcl.0.route.reportPublishedOn',
      'malformed',
    ],
    ['have a combination twice', { cpl: [], epcl: [C1, C1] }, 'epcl.1.entryId', 'duplicate-entry'],
    [
      'have a product twice in one combination',
      { cpl: [], epcl: [{ ...C1, products: [PRODUCT, { ...PRODUCT, hardware: '2' }, PRODUCT] }] },
      'epcl.0.products.2',
      'duplicate-product',
    ],
  ])('that %s are refused, with the place', (_, json, path, code) => {
    const refused = read(json);
    expect(refused).toEqual([code, path, expect.stringMatching(`^${path === '' ? 'the lists' : path}: `)]);
  });

  it.each(['__proto__', 'constructor', 'toString'])(
    'that come with a key %s are refused, and nothing else changes',
    (key) => {
      const before = JSON.stringify(Object.getOwnPropertyNames(Object.prototype));
      const json: unknown = JSON.parse(`{"cpl":[],"epcl":[],"${key}":{"polluted":true}}`);
      expect(read(json)).toEqual(['malformed', key, expect.stringContaining(key)]);
      expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype))).toBe(before);
    },
  );

  it('may have no prototype, as a strict parser gives them', () => {
    const bare = Object.assign(Object.create(null) as object, {
      cpl: [Object.assign(Object.create(null) as object, E1)],
      epcl: [],
    });
    expect(read(bare)).toEqual({ cpl: [E1], epcl: [] });
  });
});

describe('a name', () => {
  it('is made of letters, digits, dots, dashes and underscores, and begins like a word', () => {
    for (const name of ['E1', 'a', '0', 'CPL-00123.v2_x', 'x'.repeat(NAME_CHARACTERS_MAX)])
      expect(isName(name)).toBe(true);
    for (const name of ['', '-a', '.a', '_a', 'a b', 'a\n', 'é', '=1', 'x'.repeat(NAME_CHARACTERS_MAX + 1)])
      expect(isName(name), name).toBe(false);
  });
});

describe('a day', () => {
  it('is one of the calendar', () => {
    for (const day of ['2026-01-31', '2024-02-29', '2000-02-29', '2026-02-28', '2026-12-31', '2026-04-30'])
      expect(isDay(day), day).toBe(true);
  });

  it.each([
    '2026-02-29',
    '1900-02-29',
    '2024-02-30',
    '2026-04-31',
    '2026-01-32',
    '2026-00-10',
    '2026-13-01',
    '2026-01-00',
  ])('is not %s', (day) => {
    expect(isDay(day)).toBe(false);
  });

  it.each(['26-01-01', '2026-1-01', ' 2026-01-01', '2026-01-01 ', '2026-01-01T00:00:00Z', '', '2026-01-01\n'])(
    'is not written %j',
    (day) => {
      expect(isDay(day)).toBe(false);
    },
  );
});
