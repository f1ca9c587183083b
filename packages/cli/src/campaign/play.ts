/** A campaign on the virtual clock, for a command: figures at the end, progress on the way. */
import { createReporter, simulate, type CampaignRecord, type CampaignReport } from '@smets1/campaign';
import type { Job } from '../run-command.js';
import type { CampaignFile } from './campaign-file.js';

export interface Played {
  readonly report: CampaignReport;
  /** False: it waits for something that never comes, and was broken off. */
  readonly ended: boolean;
  /** Of each request, as it was taken up or refused. */
  readonly requested: readonly Extract<CampaignRecord, { readonly kind: 'requested' }>[];
}

export function play(
  job: Job,
  { campaign, inputDigest }: CampaignFile,
  seed: number,
  onRecord: (record: CampaignRecord) => void = () => undefined,
): Played {
  const reporter = createReporter(campaign);
  const requested: Extract<CampaignRecord, { readonly kind: 'requested' }>[] = [];
  const { ended } = simulate({
    campaign,
    seed,
    inputDigest,
    onRecord(record) {
      reporter.add(record);
      if (record.kind === 'requested') requested.push(record);
      if (record.kind === 'outcomes') {
        const { meterCount } = campaign;
        job.report.progress({
          label: new Date(record.atMs).toISOString().slice(0, 10),
          doneMeters: meterCount - reporter.state.open,
          totalMeters: meterCount,
        });
      }
      onRecord(record);
    },
  });
  return { report: reporter.report(), ended, requested };
}
