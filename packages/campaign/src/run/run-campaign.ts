/** The machine over real ports: the same decisions as in a simulation, each durable before anything comes of it. */
import { CampaignError, type Checked } from '../error.js';
import { APPEND_CHARACTERS_MAX, CLOCK_JUMP_MS_MAX, REQUESTS_AT_ONCE_MAX } from '../limits.js';
import { lineOfRecord, recordOfLine } from '../journal-line.js';
import { apply } from '../machine/apply.js';
import { type Campaign, deviceIdOf } from '../machine/campaign.js';
import { createState } from '../machine/create-state.js';
import { effectsOf, outcomeOfKey, owedEffects, type Start } from '../machine/effects.js';
import { nextRecord, wakeAtMs } from '../machine/next-record.js';
import { type MeterOutcome, recordOfCommand, recordOfOutcomes, recordOfRoom } from '../machine/record-of.js';
import type { CampaignCommand } from '../model/campaign-input.js';
import type { CampaignRecord } from '../model/campaign-record.js';
import type { CampaignState } from '../model/campaign-state.js';
import { metersOf } from '../model/meter-set.js';
import type { ClockPort, DcoPort, DcoRoom, JournalPort } from '../ports.js';
import { dayOf, textOfDay } from '../time/civil.js';

export interface RunOptions {
  readonly campaign: Campaign;
  readonly inputDigest: string;
  readonly clock: ClockPort;
  readonly journal: JournalPort;
  readonly dco: DcoPort;
  /** Each record once it is durable and applied. */
  readonly onRecord?: (record: CampaignRecord, state: CampaignState) => void;
}

export interface Turn {
  readonly ended: boolean;
  /** Starts under way, and those of them that the DCO has not taken yet. */
  readonly underWay: number;
  readonly owed: number;
  /** When time alone brings something next; answers and commands may come before: take turns more often. */
  readonly wakeAtMs: number;
  /** Why the DCO could not be reached in this turn; what it was asked is asked again at the next one. */
  readonly trouble: unknown;
}

export interface RunningCampaign {
  /** Only to be read. */
  readonly state: CampaignState;
  /**
   * One round: takes answers in, decides what is due, starts what may start. Never two at once.
   *
   * @throws {@link CampaignError} `clock`; what the journal rejects with is passed on. After either, open the campaign anew.
   */
  turn(): Promise<Turn>;
  /** Takes a command; durable when it resolves. Not while a turn is under way. A fault: it names something that does not exist. */
  command(command: CampaignCommand): Promise<Checked<CampaignRecord>>;
}

/**
 * Takes a campaign up where its journal ends, or begins it.
 *
 * @throws {@link CampaignError} `other-campaign` when the journal was begun with another input, `journal-damaged` when it does not fold.
 */
export async function openCampaign(options: RunOptions): Promise<RunningCampaign> {
  const { campaign, inputDigest, journal } = options;
  const state = createState(campaign);
  for await (const line of journal.readAll()) apply(campaign, state, recordOfLine(line));
  if (state.status !== 'new' && state.inputDigest !== inputDigest)
    throw new CampaignError(
      'other-campaign',
      `the journal was begun with the input ${state.inputDigest.slice(0, 16)}…, not with ${inputDigest.slice(0, 16)}…; give that one, or begin another journal`,
    );
  return new Running(options, state);
}

class Running implements RunningCampaign {
  readonly state: CampaignState;
  readonly #options: RunOptions;
  /** Starts that the DCO has not taken yet, by key; at first everything under way, because a crash may have come before it was asked. */
  readonly #owed: Map<string, Start>;
  readonly #submitted = new Set<string>();
  #meterByDevice: ReadonlyMap<string, number> | undefined;
  #lastWallMs: number;
  #lastSteadyMs: number | undefined;
  #isBusy = false;

  constructor(options: RunOptions, state: CampaignState) {
    this.#options = options;
    this.state = state;
    this.#owed = new Map(owedEffects(options.campaign, state).map((start) => [start.key, start]));
    this.#lastWallMs = state.lastAtMs;
  }

  async turn(): Promise<Turn> {
    return this.#alone(async () => {
      const { campaign } = this.#options;
      const atMs = await this.#now();
      let trouble: unknown;
      const reach = async (what: () => Promise<void>): Promise<void> => {
        try {
          await what();
        } catch (error) {
          if (error instanceof JournalTrouble) throw error.cause;
          trouble ??= error;
        }
      };
      await this.#begin(atMs);
      await reach(() => this.#takeResponses(atMs));
      await reach(() => this.#takeRoom(atMs));
      await this.#decide(atMs);
      await reach(() => this.#start());
      // What the DCO refused was recorded; it may bring the next thing, or the end.
      await this.#decide(atMs);
      return {
        ended: this.state.status === 'ended',
        underWay: this.state.requests.reduce((sum, { underWay }) => sum + underWay, 0),
        owed: this.#owed.size,
        wakeAtMs: wakeAtMs(campaign, this.state, atMs),
        trouble,
      };
    });
  }

  async command(command: CampaignCommand): Promise<Checked<CampaignRecord>> {
    return this.#alone(async () => {
      const atMs = await this.#now();
      await this.#begin(atMs);
      if (this.state.status === 'ended') return ENDED;
      const record = recordOfCommand(this.#options.campaign, this.state, command, atMs);
      if (record.ok) await this.#keep([record.value]);
      return record;
    });
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isBusy) throw new CampaignError('misuse', 'a turn is under way; wait for it');
    this.#isBusy = true;
    try {
      return await work();
    } catch (error) {
      throw error instanceof JournalTrouble ? error.cause : error;
    } finally {
      this.#isBusy = false;
    }
  }

  /** The wall clock; when it has jumped, everything pauses until a person resumes it. */
  async #now(): Promise<number> {
    const { clock, campaign } = this.#options;
    const [wallMs, steadyMs] = [clock.nowMs(), clock.steadyMs()];
    if (!Number.isSafeInteger(wallMs) || wallMs < 0)
      throw new CampaignError('clock', `the clock says ${wallMs}; set it, then go on`);
    const expectedMs =
      this.#lastSteadyMs === undefined ? undefined : this.#lastWallMs + (steadyMs - this.#lastSteadyMs);
    // After a restart nobody knows how long it took; only that time has not gone back.
    const jumpMs = expectedMs === undefined ? Math.min(0, wallMs - this.#lastWallMs) : wallMs - expectedMs;
    this.#lastWallMs = wallMs;
    this.#lastSteadyMs = steadyMs;
    const isRunning = this.state.requests.some(({ status }) => status === 'open');
    if (Math.abs(jumpMs) > CLOCK_JUMP_MS_MAX && this.state.status === 'running' && isRunning) {
      const reason = `the clock jumped by ${Math.round(jumpMs / 1000)} s; look at it, then resume`;
      const record = recordOfCommand(campaign, this.state, { kind: 'pause', reason }, wallMs);
      if (record.ok) await this.#keep([record.value]);
    }
    return wallMs;
  }

  /** The records that come first in every journal, before anything can be told to the campaign. */
  async #begin(atMs: number): Promise<void> {
    const { campaign, inputDigest } = this.#options;
    while (this.state.status === 'new' || this.state.requests.some(({ status }) => status === 'unopened')) {
      const record = nextRecord(campaign, this.state, atMs, inputDigest);
      if (record === undefined) return;
      await this.#keep([record]);
    }
  }

  async #decide(atMs: number): Promise<void> {
    const { campaign, inputDigest } = this.#options;
    let records: CampaignRecord[] = [];
    let characters = 0;
    for (;;) {
      const record = nextRecord(campaign, this.state, atMs, inputDigest);
      if (record !== undefined) {
        apply(campaign, this.state, record);
        if (record.kind === 'released')
          for (const start of effectsOf(campaign, this.state, record)) this.#owed.set(start.key, start);
        records.push(record);
        characters += lineOfRecord(record).length;
      }
      if (records.length > 0 && (record === undefined || characters > APPEND_CHARACTERS_MAX)) {
        await this.#append(records);
        records = [];
        characters = 0;
      }
      if (record === undefined) return;
    }
  }

  /** Makes records durable, then applies them. */
  async #keep(records: readonly CampaignRecord[]): Promise<void> {
    for (const record of records) apply(this.#options.campaign, this.state, record);
    await this.#append(records);
  }

  async #append(records: readonly CampaignRecord[]): Promise<void> {
    const { journal, onRecord } = this.#options;
    try {
      await journal.append(records.map(lineOfRecord));
    } catch (cause) {
      throw new JournalTrouble('the journal takes no records', { cause });
    }
    for (const record of records) onRecord?.(record, this.state);
  }

  async #takeResponses(atMs: number): Promise<void> {
    const { campaign, dco } = this.#options;
    const responses = await dco.responses();
    const last = responses.at(-1);
    if (last === undefined) return;
    const outcomes = responses.flatMap(
      (response) => outcomeOfKey(campaign, this.state, (deviceId) => this.#meterOf(deviceId), response) ?? [],
    );
    await this.#record(outcomes, atMs);
    for (const { key } of responses) this.#owed.delete(key);
    await dco.acknowledge(last.sequence);
  }

  async #record(outcomes: readonly MeterOutcome[], atMs: number): Promise<void> {
    for (;;) {
      const record = recordOfOutcomes(this.#options.campaign, this.state, outcomes, atMs);
      if (record === undefined) return;
      await this.#keep([record]);
    }
  }

  async #takeRoom(atMs: number): Promise<void> {
    const day = dayOf(atMs);
    const { campaign, dco } = this.#options;
    if (this.state.status === 'ended') return;
    const room = await dco.room(textOfDay(day));
    if (room === undefined) return;
    const users = room.users.filter(({ userId }) => campaign.users.has(userId));
    if (this.#isRoomKnown(day, room.images, users)) return;
    await this.#keep([recordOfRoom(this.state, { day: textOfDay(day), images: room.images, users }, atMs)]);
  }

  /**
   * Whether the room that the state reckons with is right. The ledger counts a start later than we do, so while something is under way it may well say
   * more than is left; then only less is news.
   */
  #isRoomKnown(day: number, images: number, users: DcoRoom['users']): boolean {
    const { roomDay, roomImages, roomByUser, requests } = this.state;
    if (roomDay !== day) return false;
    const isMoreNews = requests.every(({ underWay }) => underWay === 0);
    const isKnown = (ours: number | undefined, theirs: number): boolean =>
      ours !== undefined && (ours === theirs || (ours < theirs && !isMoreNews));
    return (
      isKnown(roomImages, images) &&
      users.every(({ userId, images: left }) =>
        isKnown(roomByUser.get(this.#options.campaign.users.get(userId)!), left),
      )
    );
  }

  /** Asks the DCO for every start that it has not taken: first the image of the batch, then its meters. */
  async #start(): Promise<void> {
    const { campaign, clock } = this.#options;
    const batches = new Map<string, Start[]>();
    for (const start of this.#owed.values()) {
      const key = `${campaign.input.campaignId}/${this.state.openedAtMs}/${start.batch}/${start.route}/${start.hop}`;
      const starts = batches.get(key);
      if (starts === undefined) batches.set(key, [start]);
      else starts.push(start);
    }
    for (const [key, starts] of batches) {
      await this.#submit(key, starts[0]!);
      for (let at = 0; at < starts.length; at += REQUESTS_AT_ONCE_MAX) {
        const refused = await Promise.all(
          starts.slice(at, at + REQUESTS_AT_ONCE_MAX).map((start) => this.#activate(start)),
        );
        await this.#record(
          refused.flatMap((outcome) => outcome ?? []),
          clock.nowMs(),
        );
      }
    }
  }

  /** The 11.1 of a batch always names all of its meters, also when some have answered before a crash: a key stands for one request. */
  async #submit(key: string, { batch, route, hop, userId, entryId, imageHash }: Start): Promise<void> {
    const { campaign, dco } = this.#options;
    if (this.#submitted.has(key)) return;
    const parts = this.state.openBatches.get(batch)?.parts ?? [];
    const part = parts.find((one) => one.route === route && one.hop === hop);
    const deviceIds = [...metersOf(part?.meters ?? [])].map((meter) => deviceIdOf(campaign, meter));
    await dco.submit({ key, userId, entryId, imageHash, deviceIds });
    this.#submitted.add(key);
  }

  async #activate(start: Start): Promise<MeterOutcome | undefined> {
    const { key, userId, deviceId, entryId, imageHash, meter, route, hop, tries } = start;
    const ordinal = BigInt(this.state.openedAtMs) * BATCHES_OF_A_MILLISECOND + BigInt(start.batch);
    const answer = await this.#options.dco.activate({ key, userId, deviceId, entryId, imageHash, ordinal });
    this.#owed.delete(key);
    return answer.taken ? undefined : { meter, route, hop, tries, result: answer.result };
  }

  #meterOf(deviceId: string): number | undefined {
    if (this.#meterByDevice === undefined) {
      const { campaign } = this.#options;
      const byDevice = new Map<string, number>();
      for (let meter = 0; meter < campaign.meterCount; meter += 1) byDevice.set(deviceIdOf(campaign, meter), meter);
      this.#meterByDevice = byDevice;
    }
    return this.#meterByDevice.get(deviceId);
  }
}

const ENDED: Checked<CampaignRecord> = {
  ok: false,
  fault: { code: 'contradiction', path: '', message: 'the campaign has ended, and nothing can be told to it any more' },
};

/** Campaigns that are opened a millisecond apart stay apart, as long as the earlier one has fewer batches than this. */
const BATCHES_OF_A_MILLISECOND: bigint = 1n << 20n;

/** Told apart from what the DCO does: it ends the run. */
class JournalTrouble extends Error {}
