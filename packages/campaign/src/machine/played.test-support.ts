/** A campaign that a test moves by hand: to a moment, by a command, by an answer. */
import type { CampaignCommand } from '../model/campaign-input.js';
import type { CampaignState } from '../model/campaign-state.js';
import { campaignOf, DAY_MS, DIGEST, type Json } from '../small-world.test-support.js';
import { apply } from './apply.js';
import type { Campaign } from './campaign.js';
import { createState } from './create-state.js';
import { nextRecord } from './next-record.js';
import { type MeterOutcome, recordOfCommand, recordOfOutcomes, recordOfRoom } from './record-of.js';

/** 4 January 2027, the first day of every campaign here. */
export const DAY: number = Date.UTC(2027, 0, 4) / DAY_MS;
export const HOUR_MS: number = DAY_MS / 24;
export class Played {
  readonly campaign: Campaign;
  readonly state: CampaignState;
  nowMs: number = DAY * DAY_MS;

  constructor(other: Json) {
    this.campaign = campaignOf(other);
    this.state = createState(this.campaign);
    for (let at = 0; at <= this.campaign.input.requests.length; at += 1) this.next();
  }

  next(): void {
    apply(this.campaign, this.state, nextRecord(this.campaign, this.state, this.nowMs, DIGEST)!);
  }

  /** Everything that is due in the first moments of a day, so many of them. */
  run(day: number, moments = 24): this {
    for (let moment = 0; moment < moments; moment += 1) {
      this.nowMs = day * DAY_MS + moment * HOUR_MS;
      for (;;) {
        const record = nextRecord(this.campaign, this.state, this.nowMs, DIGEST);
        if (record === undefined) break;
        apply(this.campaign, this.state, record);
      }
    }
    return this;
  }

  tell(command: CampaignCommand): this {
    const record = recordOfCommand(this.campaign, this.state, command, this.nowMs);
    if (!record.ok) throw new Error(record.fault.message);
    apply(this.campaign, this.state, record.value);
    return this;
  }

  answer(meters: readonly number[], result: MeterOutcome['result'] = 'success'): this {
    const { route, hop, tries } = this.state.meters;
    const told = meters.map((meter) => ({
      meter,
      route: route[meter]!,
      hop: hop[meter]!,
      tries: tries[meter]!,
      result,
    }));
    apply(this.campaign, this.state, recordOfOutcomes(this.campaign, this.state, told, this.nowMs)!);
    return this;
  }

  room(day: string, images: number, users: readonly { userId: string; images: number }[] = []): this {
    apply(this.campaign, this.state, recordOfRoom(this.state, { day, images, users }, this.nowMs));
    return this;
  }
}
