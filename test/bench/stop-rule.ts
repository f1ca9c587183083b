/**
 * `npm run stop-rule [-- --runs N --seed N --accept-rate P --stop-rate P --false-stop P --false-go P]`: how often the stop rule of a campaign is wrong,
 * tried with seeded luck beside exact computation. Exit 1 unless both confirm the error rates that it states.
 */
import { parseArgs } from 'node:util';
import { stopRule, stopRuleTable, type StopRuleRow } from '@smets1/campaign';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    'accept-rate': { type: 'string', default: '0.001' },
    'stop-rate': { type: 'string', default: '0.02' },
    'false-stop': { type: 'string', default: '0.01' },
    'false-go': { type: 'string', default: '0.01' },
  },
});

const rule = stopRule({
  acceptRate: Number(values['accept-rate']),
  stopRate: Number(values['stop-rate']),
  falseStop: Number(values['false-stop']),
  falseGo: Number(values['false-go']),
});
const { acceptRate, stopRate, falseStop, falseGo } = rule.goals;
console.log(
  `Accepts ${percent(acceptRate)} of failures, stops at ${percent(stopRate)}. Stated: good firmware stopped in at most ${percent(falseStop)}, bad accepted in at most ${percent(falseGo)} of cases. Ends after ${rule.sampleMax} results.`,
);

const rows = stopRuleTable(rule, {
  rates: [acceptRate / 2, acceptRate, Math.sqrt(acceptRate * stopRate), stopRate, Math.min(1, stopRate * 2)],
  arrivals: [
    { metersPerLook: 1, failuresLate: false },
    { metersPerLook: 100, failuresLate: false },
    { metersPerLook: 100, failuresLate: true },
  ],
  runs: Number(values.runs),
  seed: Number(values.seed),
});
console.table(
  rows.map(({ rate, arrival, stop, meanSample, exact }) => ({
    'true rate': percent(rate),
    results: `by ${arrival.metersPerLook}${arrival.failuresLate ? ', failures one look late' : ''}`,
    stopped: percent(stop.share),
    '(99.9 % interval)': `${percent(stop.low)} to ${percent(stop.high)}`,
    exactly: exact === undefined ? '' : percent(exact.stop),
    accepted: percent(1 - stop.share),
    '(interval)': `${percent(1 - stop.high)} to ${percent(1 - stop.low)}`,
    'exactly ': exact === undefined ? '' : percent(1 - exact.stop),
    'mean sample': Math.round(meanSample),
    'exact mean': exact === undefined ? '' : Math.round(exact.meanSample),
  })),
);

const wrong = rows.flatMap((row) => complaintsAbout(row));
for (const complaint of wrong) console.error(complaint);
console.log(
  wrong.length === 0
    ? `The stated error rates are confirmed by ${values.runs} runs a row (seed ${values.seed}) and by exact computation.`
    : 'The stated error rates are NOT confirmed.',
);
process.exitCode = wrong.length === 0 ? 0 : 1;

/** The luck must be able to come from the exact chance, and the exact chance be within what is stated. Where there is none, the luck itself. */
function complaintsAbout({ rate, stop, exact, arrival }: StopRuleRow): readonly string[] {
  const where = `at ${percent(rate)} by ${arrival.metersPerLook}:`;
  const complaints: string[] = [];
  const least = exact?.stop ?? stop.low;
  const most = exact?.stop ?? stop.high;
  if (exact !== undefined && !(stop.low <= exact.stop && exact.stop <= stop.high))
    complaints.push(`${where} exactly ${exact.stop} is stopped, which the runs contradict`);
  if (rate <= acceptRate && least > falseStop) complaints.push(`${where} good firmware is stopped too often`);
  if (rate >= stopRate && 1 - most > falseGo) complaints.push(`${where} bad firmware is accepted too often`);
  return complaints;
}

function percent(share: number): string {
  const percents = share * 100;
  return `${percents < 1 ? Number(percents.toFixed(3)) : Number(percents.toPrecision(3))} %`;
}
