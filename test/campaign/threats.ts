/** The threats to a campaign, each with the tests that stand against it: file, and the beginning of the test's whole name. */
export interface Threat {
  readonly id: string;
  readonly what: string;
  readonly tests: readonly { readonly file: string; readonly name: string }[];
}

const here = (file: string): string => `test/campaign/${file}`;
const campaign = (file: string): string => `packages/campaign/src/${file}`;
const violations = (rule: string): Threat['tests'][number] => ({
  file: here('violations.test.ts'),
  name: `A violation of ${rule} is found`,
});

export const THREATS: readonly Threat[] = [
  {
    id: 'T61',
    what: 'wrong device, double update, cohort leak',
    tests: [
      { file: campaign('simulate/scope.test.ts'), name: 'T61 a campaign' },
      { file: here('violations.test.ts'), name: 'The proving ground breaks no rule' },
      violations('R13'),
      violations('R14'),
      violations('R15'),
      violations('R29'),
    ],
  },
  {
    id: 'T62',
    what: 'halting rule late or never',
    tests: [
      { file: campaign('simulate/halting.test.ts'), name: 'T62 the stop rule' },
      { file: here('stopping.test.ts'), name: 'Firmware that fails is stopped' },
      violations('R17'),
      violations('R18'),
    ],
  },
  {
    id: 'T63',
    what: 'clock jumps, daylight saving, restart',
    tests: [
      { file: campaign('simulate/clock.test.ts'), name: 'T63 a clock that jumps' },
      { file: campaign('run/run-campaign.test.ts'), name: 'T63 the clock of a run' },
      { file: here('clock-jumps.test.ts'), name: 'A clock that is set forward and back' },
      { file: here('checker/calendar.test.ts'), name: "A window on London's clock" },
      violations('R10'),
    ],
  },
  {
    id: 'T64',
    what: 'crash in mid-campaign',
    tests: [
      { file: campaign('simulate/crash.test.ts'), name: 'T64 a crash' },
      { file: campaign('run/run-campaign.test.ts'), name: 'A running campaign T64 continues after a crash' },
      { file: here('crash.test.ts'), name: 'A campaign that is broken off after any record' },
    ],
  },
  {
    id: 'T65',
    what: 'wrong file, version typo, same file again',
    tests: [
      { file: campaign('input/campaign-input-of.test.ts'), name: 'T65 a mistake in an input' },
      { file: 'packages/cli/src/commands/campaign-run.test.ts', name: 'T65 a campaign is refused' },
      { file: here('mistakes.test.ts'), name: 'An operator' },
    ],
  },
  {
    id: 'T66',
    what: 'audit edited or cut',
    tests: [
      { file: here('audit.test.ts'), name: 'The audit of a campaign that has ended' },
      { file: 'packages/journal/src/journal.test.ts', name: 'a damaged journal' },
    ],
  },
];
