/** Goal: what the ledger has is in the journal, survives its rewriting, and is refused by a release that would pass over it. */
import { memoryFiles } from '@smets1/journal';
import { describe, expect, it } from 'vitest';
import { agreed, changed, opened, starts } from '../ledger/ledger.test-support.js';
import { startsOn } from '../ledger/ledger.js';
import type { LedgerChange } from '../ledger/ledger-change.js';
import { decodeChange, encodeChange } from './records.js';
import type { Change } from './records.js';
import { openStore } from './store.js';

const everything: readonly LedgerChange[] = [
  ...agreed({}, { reference: 'form 2', userId: 'B' }),
  ...changed({}),
  ...opened({}),
  starts(900, 'A', 3),
  starts(100, 'B', 1),
  { kind: 'ledger-day', value: { day: 100 } },
  { kind: 'ledger-remove', value: { what: 'schedule', key: 'form 2' } },
];

describe('the records of the ledger', () => {
  it('add up to the same after the journal is rewritten and opened again', async () => {
    const { files, processes } = memoryFiles({ seed: 1 });
    const open = (): ReturnType<typeof openStore> => openStore({ files, processes, directory: 'dco', deadBytesMin: 0 });
    const store = open();
    for (let count = 1; count <= 30; count += 1)
      await store.transact(() => ({ changes: [starts(100, 'A', count)], value: undefined }));
    await store.transact(() => ({ changes: everything, value: undefined }));
    const before = store.state.ledger;
    expect([before.day, startsOn(before, 100), startsOn(before, 900), before.schedules.size]).toEqual([100, 31, 3, 1]);
    expect(await store.tidy()).toBe(true);
    expect(store.state.ledger).toEqual(before);
    await store.close();
    const again = open();
    expect(again.state.ledger).toEqual(before);
    await again.close();
  });

  it('are of a version that older releases refuse, and the others of the one they know', () => {
    for (const change of everything) {
      const record = encodeChange(change);
      expect(record[0]).toBe(2);
      expect(decodeChange(record)).toEqual(change);
    }
    const old: Change = { kind: 'acknowledged', value: { upTo: 3 } };
    expect(encodeChange(old)[0]).toBe(1);
    const unknown = encodeChange(old);
    unknown[0] = 3;
    expect(() => decodeChange(unknown)).toThrow(/version 3, this release reads 1 and 2/);
  });
});
