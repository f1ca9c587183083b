/** The head figures of a campaign, for people. */
import type { CampaignReport } from '@smets1/campaign';
import { counted, rows } from '../output/style.js';

export function figuresText({ head, response, fairness, failures }: CampaignReport): string {
  const { stages } = head;
  const left = stages.waiting + stages.released + stages.installed + stages.parked;
  const meters = [
    [stages.done, 'done'],
    [stages.failed, 'failed'],
    [stages.exempt, 'exempt'],
    [left, 'left'],
    [stages['out-of-scope'], 'out of scope'],
  ] as const;
  const reasons = failures.filter(({ of }) => of === 'meter').map(({ reason, count }) => `${counted(count)} ${reason}`);
  return rows([
    ['meters', meters.flatMap(([count, what]) => (count === 0 ? [] : [`${counted(count)} ${what}`])).join(', ')],
    ['why not', reasons.length === 0 ? undefined : reasons.join(', ')],
    [
      'images',
      `${counted(head.starts)} started, ${counted(head.largeStarts)} of them large, ${counted(head.retries)} again`,
    ],
    [
      'days',
      head.firstStartDay === undefined
        ? 'nothing starts'
        : `${head.startDays} with large images, ${head.fullDays} of them full; ${head.firstStartDay} to ${head.lastStartDay}`,
    ],
    ['ends', head.endDay],
    ['in time', `${(100 * response.shareWithin).toFixed(1)} % within ${response.targetDays} days of their release`],
    ['fairness', fairness.index.toFixed(3)],
  ]);
}

/** The same for programs. */
export function figuresFields({
  head,
  response,
  fairness,
  failures,
}: CampaignReport): Pick<CampaignReport, 'head' | 'response' | 'fairness' | 'failures'> {
  return { head, response, fairness, failures };
}
