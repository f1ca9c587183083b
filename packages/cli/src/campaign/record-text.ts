/** Records of a campaign that runs, for people and for programs: what happened, without the list of every meter. */
import type { CampaignRecord, MeterSet } from '@smets1/campaign';
import type { JsonFields } from '../output/reporter.js';
import { counted } from '../output/style.js';

export interface RecordWords {
  readonly fields: JsonFields;
  /** undefined: nothing that a person waits for. */
  readonly text: string | undefined;
}

export function wordsOfRecord(record: CampaignRecord): RecordWords {
  const { seq, atMs } = record;
  const at = new Date(atMs).toISOString();
  const say = (fields: JsonFields, text?: string): RecordWords => ({
    fields: { seq, at, ...fields },
    text: text && `${at.slice(0, 19)}Z ${text}`,
  });
  switch (record.kind) {
    case 'opened':
      return say({ campaignId: record.campaignId }, `campaign ${record.campaignId} begins`);
    case 'requested': {
      const { requestId, outcome, refusal } = record;
      return say(
        { requestId, outcome, refusal },
        `request ${requestId} ${outcome}${refusal ? `: ${refusal.message}` : ''}`,
      );
    }
    case 'commanded': {
      const { requestId } = record.command as { readonly requestId?: string };
      return say(
        { command: record.command.kind, requestId },
        `${record.command.kind} ${requestId ?? 'of the campaign'}`,
      );
    }
    case 'room-told':
      return say({ day: record.day, images: record.images });
    case 'granted':
      return say({ day: record.day, images: record.grants.reduce((sum, { images }) => sum + images, 0) });
    case 'released': {
      const meters = record.parts.reduce((sum, part) => sum + sizeOf(part.meters), 0);
      return say(
        { batch: record.batch, userId: record.userId, meters },
        `batch ${record.batch}: ${counted(meters)} meters of ${record.userId}`,
      );
    }
    case 'outcomes': {
      const succeeded = sizeOf(record.succeeded);
      const broken = record.broken.reduce((sum, { meters }) => sum + sizeOf(meters), 0);
      const failed = record.failed.reduce((sum, { meters }) => sum + sizeOf(meters), 0);
      const reasons = [...record.broken, ...record.failed].map(({ reason, meters }) => `${sizeOf(meters)} ${reason}`);
      const words = [`${counted(succeeded)} updated`, ...reasons].join(', ');
      return say({ succeeded, broken, failed }, words);
    }
    case 'gave-up':
    case 'expired':
      return say({ meters: sizeOf(record.meters) }, `${counted(sizeOf(record.meters))} meters ${record.kind}`);
    case 'phase-begun':
      return say(
        { requestId: record.requestId, phase: record.phase },
        `request ${record.requestId}: phase ${record.phase} begins`,
      );
    case 'safety-tested':
      return say({ requestId: record.requestId }, `request ${record.requestId}: the safety test is passed`);
    case 'stopped':
      return say(
        { requestId: record.requestId },
        `request ${record.requestId}: STOPPED by its stop rule; look at the failures, then resume or abort`,
      );
    case 'noticed':
      return say(
        { requestId: record.requestId, severity: record.severity },
        `request ${record.requestId}: notice given`,
      );
    case 'ended':
      return say({}, 'the campaign has ended');
  }
}

function sizeOf(meters: MeterSet): number {
  return meters.reduce<number>((sum, one) => sum + (typeof one === 'number' ? 1 : one[1] - one[0] + 1), 0);
}
