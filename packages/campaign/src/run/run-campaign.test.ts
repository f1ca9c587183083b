/** A campaign over ports: durable before it acts, one effect for each key, taken up after a crash anywhere. */
import { describe, expect, it } from 'vitest';
import { recordOfLine } from '../journal-line.js';
import { METER_STAGES } from '../model/campaign-state.js';
import type { CampaignRecord } from '../model/campaign-record.js';
import { judge } from '../journal-judge.test-support.js';
import { campaignOf, cohort, DAY_MS, DIGEST, type Json, request, SUPPLIER_A } from '../small-world.test-support.js';
import type { DcoRoom } from '../ports.js';
import { Crash, DeskDco, DeskJournal } from './desk-dco.test-support.js';
import { openCampaign, type RunningCampaign } from './run-campaign.js';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2027, 0, 4);

class Clock {
  wallMs: number = START_MS;
  steady = 0;
  nowMs = (): number => this.wallMs;
  steadyMs = (): number => this.steady;
  pass(ms: number): void {
    this.wallMs += ms;
    this.steady += ms;
  }
}

interface Desk {
  readonly clock: Clock;
  readonly dco: DeskDco;
  journal: DeskJournal;
  readonly json: Json;
}

const deskOf = (json: Json = {}, dco: DeskDco = new DeskDco()): Desk => ({
  clock: new Clock(),
  dco,
  journal: new DeskJournal(),
  json,
});

const open = ({ clock, dco, journal, json }: Desk): Promise<RunningCampaign> =>
  openCampaign({ campaign: campaignOf(json), inputDigest: DIGEST, clock, journal, dco });

async function runToEnd(desk: Desk, hours = 24 * 60): Promise<RunningCampaign> {
  const running = await open(desk);
  for (let hour = 0; hour < hours; hour += 1) {
    if ((await running.turn()).ended) return running;
    desk.clock.pass(HOUR_MS);
  }
  return running;
}

const recordsIn = (desk: Desk): CampaignRecord[] => desk.journal.lines.map(recordOfLine);
const done = ({ state }: RunningCampaign): number => state.counts[METER_STAGES.indexOf('done')]!;

describe('A running campaign', () => {
  it('takes no command once it has ended, and its journal stays as it is', async () => {
    const desk = deskOf();
    const running = await runToEnd(desk);
    const before = desk.journal.lines.length;
    expect(await running.command({ kind: 'pause', reason: 'late' })).toMatchObject({
      ok: false,
      fault: { code: 'contradiction' },
    });
    expect(desk.journal.lines).toHaveLength(before);
    expect((await running.turn()).ended).toBe(true);
  });

  it('brings every meter to its version, each start under its own key, and acknowledges every answer', async () => {
    const desk = deskOf({ requests: [request('r', ['c'], { targetEntryId: 'V3' })] });
    const running = await runToEnd(desk);
    expect(done(running)).toBe(30);
    expect(desk.dco.activations.size).toBe(60);
    expect(desk.dco.unacknowledged).toBe(0);
    const [first] = desk.dco.activations.values();
    expect(first!.key).toBe(`small/${first!.deviceId}/${first!.imageHash}/1`);
    expect(first).toMatchObject({ userId: SUPPLIER_A, entryId: 'V2' });
    const [submission] = desk.dco.submissions.values();
    expect(submission!.key).toBe(`small/${START_MS}/0/0/0`);
    for (const deviceId of new Set([...desk.dco.activations.values()].map((one) => one.deviceId))) {
      const ordinals = [...desk.dco.activations.values()].filter((one) => one.deviceId === deviceId);
      expect(ordinals).toHaveLength(2);
      expect(ordinals[1]!.ordinal > ordinals[0]!.ordinal).toBe(true);
      expect(ordinals[0]!.ordinal >= BigInt(START_MS) << 20n).toBe(true);
    }
    const submitted = [...desk.dco.submissions.values()].flatMap(({ deviceIds }) => deviceIds);
    expect(submitted).toHaveLength(60);
    const { input, meterCount } = campaignOf(desk.json);
    expect(judge(input, recordsIn(desk), meterCount)).toEqual([]);
  });

  it('has higher ordinals than one that was opened a moment before it, for the same meters', async () => {
    const [earlier, later] = [deskOf(), deskOf({ campaignId: 'later' })];
    later.clock.pass(1);
    await runToEnd(earlier);
    await runToEnd(later);
    const ofEarlier = [...earlier.dco.activations.values()].map(({ ordinal }) => ordinal);
    const ofLater = [...later.dco.activations.values()].map(({ ordinal }) => ordinal);
    expect(ofEarlier.length).toBe(ofLater.length);
    const least = ofLater.reduce((one, other) => (one < other ? one : other));
    expect(ofEarlier.filter((ordinal) => ordinal >= least)).toEqual([]);
    expect(ofLater.filter((ordinal) => ordinal >= 1n << 62n)).toEqual([]);
  });

  it('asks the DCO for nothing that is not durable', async () => {
    const desk = deskOf();
    const running = await open(desk);
    desk.journal = new DeskJournal();
    const append = desk.journal.append.bind(desk.journal);
    let durable = 0;
    const journal = {
      readAll: () => [],
      append: async (lines: readonly string[]): Promise<void> => {
        expect(desk.dco.asked).toBeLessThanOrEqual(durable);
        await append(lines);
        durable += lines.filter((line) => line.includes('"released"')).length;
      },
    };
    const other = await openCampaign({
      campaign: campaignOf(),
      inputDigest: DIGEST,
      clock: desk.clock,
      journal,
      dco: desk.dco,
    });
    for (let hour = 0; hour < 30; hour += 1) {
      await other.turn();
      desk.clock.pass(HOUR_MS);
    }
    expect(durable).toBeGreaterThan(10);
    expect(running.state.seq).toBe(0);
  });

  it(
    'T64 continues after a crash at any record with no meter lost and none updated twice',
    { timeout: 120_000 },
    async () => {
      const whole = deskOf({ requests: [request('r', ['c'], { targetEntryId: 'V3' })] });
      await runToEnd(whole);
      let crashes = 0;
      for (let cut = 0; cut < whole.journal.lines.length; cut += 1) {
        const desk = deskOf(whole.json);
        desk.journal = new DeskJournal([], cut);
        const before = await open(desk);
        try {
          for (let hour = 0; hour < 24 * 30; hour += 1) {
            if ((await before.turn()).ended) break;
            desk.clock.pass(HOUR_MS);
          }
        } catch (error) {
          if (!(error instanceof Crash)) throw error;
          crashes += 1;
        }
        desk.journal = new DeskJournal(desk.journal.lines);
        const after = await runToEnd(desk);
        expect(done(after), `crash after ${cut} records`).toBe(30);
        expect(desk.dco.activations.size).toBe(60);
        const { input, meterCount } = campaignOf(desk.json);
        expect(judge(input, recordsIn(desk), meterCount)).toEqual([]);
      }
      expect(crashes).toBe(whole.journal.lines.length);
      expect(crashes).toBeGreaterThan(60);
    },
  );

  it('goes on when the DCO cannot be reached for a while, and asks again under the same keys', async () => {
    const desk = deskOf({}, new DeskDco());
    const running = await open(desk);
    let troubles = 0;
    for (let hour = 0; hour < 24 * 30; hour += 1) {
      if (hour % 5 === 0) desk.dco.failures = 1 + (hour % 4);
      desk.dco.activationFailures = hour % 3;
      const { ended, trouble } = await running.turn();
      if (trouble !== undefined) troubles += 1;
      if (ended) break;
      desk.clock.pass(HOUR_MS);
    }
    expect(troubles).toBeGreaterThan(5);
    expect(done(running)).toBe(30);
    expect(desk.dco.activations.size).toBe(30);
    expect(desk.dco.asked).toBeGreaterThan(35);
  });

  it('takes a refusal of the DCO as the outcome of the start', async () => {
    const refuse = ({
      key,
    }: {
      readonly key: string;
    }): { taken: false; result: 'refused'; message: string } | { taken: true } =>
      key.includes('-00-00-03/') ? { taken: false, result: 'refused', message: 'not on the list' } : { taken: true };
    const desk = deskOf({}, new DeskDco({ refuse }));
    const running = await runToEnd(desk);
    expect(running.state.counts[METER_STAGES.indexOf('failed')]).toBe(1);
    expect(done(running)).toBe(29);
  });

  it('starts no more than the DCO’s own ledger leaves, and less when others have used it', async () => {
    let left = 3;
    const used = (): number => desk.dco.activations.size;
    const room = (): DcoRoom => ({ images: left - used(), users: [{ userId: SUPPLIER_A, images: 2 - used() }] });
    const desk: Desk = deskOf({}, new DeskDco({ room }));
    const running = await open(desk);
    await running.turn();
    desk.clock.pass(HOUR_MS);
    await running.turn();
    desk.clock.pass(12 * HOUR_MS);
    await running.turn();
    expect(desk.dco.activations.size).toBe(2);
    left = 0;
    desk.clock.pass(DAY_MS);
    await running.turn();
    expect(desk.dco.activations.size).toBe(2);
    const told = recordsIn(desk).filter(({ kind }) => kind === 'room-told');
    expect(told.length).toBeGreaterThanOrEqual(2);
  });

  it('passes over answers to others, and acknowledges them with its own', async () => {
    const desk = deskOf({}, new DeskDco());
    const running = await open(desk);
    await running.turn();
    const [activation] = desk.dco.activations.values();
    await desk.dco.activate({ ...activation!, key: `other/${activation!.deviceId}/${activation!.imageHash}/1` });
    await desk.dco.activate({ ...activation!, key: `small/00-00-00-00-00-00-00-00/${activation!.imageHash}/1` });
    expect(desk.dco.unacknowledged).toBe(3);
    desk.clock.pass(HOUR_MS);
    await running.turn();
    // That of the start of this turn.
    expect(desk.dco.unacknowledged).toBe(1);
  });
});

describe('T63 the clock of a run', () => {
  const paused = (desk: Desk): CampaignRecord[] =>
    recordsIn(desk).filter((one) => one.kind === 'commanded' && one.command.kind === 'pause');

  it.each([1000, 60_000, -60_000])('may be set by %d ms without anybody being asked', async (ms) => {
    const desk = deskOf();
    const running = await open(desk);
    await running.turn();
    desk.clock.wallMs += ms;
    desk.clock.pass(HOUR_MS);
    await running.turn();
    expect(paused(desk)).toEqual([]);
  });

  it.each([10 * 60_000, -10 * 60_000, DAY_MS, -DAY_MS, 3650 * DAY_MS, -3650 * DAY_MS])(
    'that jumps by %d ms pauses the campaign until a person resumes it',
    async (ms) => {
      const desk = deskOf();
      const running = await open(desk);
      await running.turn();
      const before = desk.dco.activations.size;
      desk.clock.wallMs += ms;
      for (let hour = 0; hour < 30; hour += 1) {
        desk.clock.pass(HOUR_MS);
        await running.turn();
      }
      expect(paused(desk)).toHaveLength(1);
      expect(desk.dco.activations.size).toBe(before);
      expect(await running.command({ kind: 'resume' })).toMatchObject({ ok: true });
      if (ms > -DAY_MS) {
        for (let hour = 0; hour < 30; hour += 1) {
          desk.clock.pass(HOUR_MS);
          await running.turn();
        }
        expect(desk.dco.activations.size).toBeGreaterThan(before);
      }
    },
  );

  it('that stood behind the journal when it was opened pauses the campaign too', async () => {
    const desk = deskOf();
    await (await open(desk)).turn();
    desk.clock.wallMs -= DAY_MS;
    await (await open(desk)).turn();
    expect(paused(desk)).toHaveLength(1);
  });

  it('that says no time ends the turn with an error', async () => {
    const desk = deskOf();
    const running = await open(desk);
    desk.clock.wallMs = Number.NaN;
    await expect(running.turn()).rejects.toMatchObject({ code: 'clock' });
  });
});

describe('A person', () => {
  it('pauses and resumes a running campaign; both are in the journal', async () => {
    const desk = deskOf({ cohorts: [cohort('c', 60)] });
    const running = await open(desk);
    await running.turn();
    await running.command({ kind: 'pause', requestId: 'r', reason: 'lunch' });
    const before = desk.dco.activations.size;
    desk.clock.pass(3 * HOUR_MS);
    await running.turn();
    expect(desk.dco.activations.size).toBe(before);
    await running.command({ kind: 'resume', requestId: 'r' });
    desk.clock.pass(HOUR_MS);
    await running.turn();
    expect(desk.dco.activations.size).toBeGreaterThan(before);
  });

  it('may command before the first turn, and is told when a name does not exist', async () => {
    const desk = deskOf();
    const running = await open(desk);
    expect(await running.command({ kind: 'pause', requestId: 'q', reason: 'x' })).toMatchObject({ ok: false });
    expect(await running.command({ kind: 'pause', reason: 'x' })).toMatchObject({ ok: true });
    await running.turn();
    expect(desk.dco.activations.size).toBe(0);
  });

  it('cannot take two turns at once', async () => {
    const running = await open(deskOf());
    const both = await Promise.allSettled([running.turn(), running.turn()]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  it('T65 cannot go on with the journal of another input', async () => {
    const desk = deskOf();
    await (await open(desk)).turn();
    const foreign = openCampaign({
      campaign: campaignOf(),
      inputDigest: 'ee'.repeat(32),
      clock: desk.clock,
      journal: desk.journal,
      dco: desk.dco,
    });
    await expect(foreign).rejects.toMatchObject({ code: 'other-campaign' });
    const renamed = openCampaign({
      campaign: campaignOf({ campaignId: 'x' }),
      inputDigest: DIGEST,
      clock: desk.clock,
      journal: desk.journal,
      dco: desk.dco,
    });
    await expect(renamed).rejects.toMatchObject({ code: 'other-campaign' });
  });

  it('sees the very error of a journal that takes nothing', async () => {
    const desk = deskOf();
    desk.journal = new DeskJournal([], 1);
    await expect((await open(desk)).turn()).rejects.toBeInstanceOf(Crash);
  });
});
