import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { PowerLost } from '../errors.js';
import { DEFAULT_LAYOUT } from '../flash/layout-plan.js';
import { createFlash } from '../flash/nor-flash.js';
import { SECURITY_LOG_ENTRIES } from '../limits.js';
import { LAYOUT_512 } from './meter.test-support.js';
import { SecurityLog } from './security-log.js';

describe('the security log', () => {
  it.each([
    ['granule 16', DEFAULT_LAYOUT],
    ['granule 512', LAYOUT_512],
  ])('holds the last hundred entries whatever it went through (%s)', (_, layout) => {
    const flash = createFlash(layout);
    let entries = [...new SecurityLog(flash, crc32).entries];
    let cuts = 0;
    for (let i = 1; i <= 700; i++) {
      const entry = { timestampS: 1_800_000_000 + i, code: 0x8f00 + (i % 200), bootEpoch: i };
      if (i % 3 === 0)
        flash.arm({ cutAt: 1 + (i % 4), phase: (['before', 'during', 'after'] as const)[(i % 7) % 3]!, seed: i });
      try {
        new SecurityLog(flash, crc32).append(entry);
      } catch (error) {
        if (!(error instanceof PowerLost)) throw error;
        cuts += 1;
      }
      flash.powerOn();
      const held = new SecurityLog(flash, crc32).entries;
      const isIn = held.at(-1)?.bootEpoch === i;
      if (isIn) entries = [...entries, entry].slice(-SECURITY_LOG_ENTRIES);
      expect(held).toEqual(entries);
    }
    expect(cuts).toBeGreaterThan(50);
    expect(entries.length).toBe(SECURITY_LOG_ENTRIES);
  });

  it('loses none of the hundred when every other record is torn', () => {
    const flash = createFlash(DEFAULT_LAYOUT);
    let tornCount = 0;
    for (let i = 1; i <= 400; i++) {
      const entry = { timestampS: i, code: 0x8f43, bootEpoch: i };
      flash.arm({ cutAt: 1, phase: 'during', torn: 5 });
      expect(() => new SecurityLog(flash, crc32).append(entry)).toThrow(PowerLost);
      tornCount += 1;
      flash.powerOn();
      new SecurityLog(flash, crc32).append(entry);
      const { entries } = new SecurityLog(flash, crc32);
      expect(entries.length).toBe(Math.min(i, SECURITY_LOG_ENTRIES));
      expect([entries[0]?.bootEpoch, entries.at(-1)?.bootEpoch]).toEqual([
        Math.max(1, i - SECURITY_LOG_ENTRIES + 1),
        i,
      ]);
    }
    expect(tornCount).toBe(400);
  });

  it('takes an entry once per boot when asked to', () => {
    const log = new SecurityLog(createFlash(DEFAULT_LAYOUT), crc32);
    for (const bootEpoch of [1, 1, 2]) log.appendOnce({ timestampS: 5, code: 0x8f1b, bootEpoch });
    expect(log.entries.map(({ bootEpoch }) => bootEpoch)).toEqual([1, 2]);
    expect(log.entryCount).toBe(2);
  });
});
