import { buildRouteMap, type RouteMap, type TypedFlagParameter } from '@stricli/core';
import { examples, force, json, onePath, out } from '../flags/common.js';
import { eui64, hexValue, text, whatIfWish, wholeNumber } from '../flags/values.js';
import type { CliContext } from '../shell.js';
import { campaignRunRoutes } from './campaign-run.js';
import { command } from './command.js';
import { reportFiles } from './report-files.js';

type WhatIfFlag = TypedFlagParameter<readonly ReturnType<typeof whatIfWish>[] | undefined, CliContext>;

const whatIf: WhatIfFlag = {
  kind: 'parsed',
  parse: whatIfWish,
  variadic: true,
  optional: true,
  brief: 'capacity=N images a day, or without=windows|other-traffic|incidents|pauses; once for each',
  placeholder: 'WISH',
};

const plan = command(async () => (await import('../commands/campaign-plan.js')).campaignPlan, {
  parameters: { flags: { whatIf, json }, positional: onePath('Input of the campaign, JSON', 'CAMPAIGN') },
  docs: {
    brief: 'Check a campaign and say what it comes to: ways, days, end',
    fullDescription: [
      'Every meter of the plan answers within the hour, so that what is left are the rules: capacity, schedules, order, windows, incidents.',
      'Nothing is started or written. The input is described in packages/campaign/docs/INPUT.md, the rules in RULES.md beside it.\n',
      examples(
        'smets1 campaign plan examples/estate-670k.json',
        'smets1 campaign plan examples/estate-670k.json --what-if capacity=24000 --what-if without=incidents',
      ),
    ].join('\n'),
  },
});

const simulate = command(async () => (await import('../commands/campaign-simulate.js')).campaignSimulate, {
  parameters: {
    flags: {
      whatIf,
      seed: {
        kind: 'parsed',
        parse: wholeNumber(0, Number.MAX_SAFE_INTEGER),
        default: '1',
        brief: 'Of everything that is left to luck',
        placeholder: 'N',
      },
      ...reportFiles,
      json,
    },
    positional: onePath('Input of the campaign, JSON', 'CAMPAIGN'),
  },
  docs: {
    brief: 'Live a campaign on the virtual clock, against modelled meters',
    fullDescription: [
      'Meters that do not answer, break off, fail, are slow or change their Supplier, as `model` in the input says. One seed, one history.',
      'The journal is what an independent checker reads: packages/campaign/docs/JOURNAL.md.\n',
      examples(
        'smets1 campaign simulate examples/estate-670k.json',
        'smets1 campaign simulate examples/estate-670k.json --seed 7 --journal estate.jsonl --page estate.html --csv estate',
      ),
    ].join('\n'),
  },
});

const draft = command(async () => (await import('../commands/campaign-draft.js')).campaignDraft, {
  parameters: {
    flags: {
      inventory: { kind: 'parsed', parse: text, brief: 'Its meters, as `dco serve` reads them', placeholder: 'FILE' },
      user: { kind: 'parsed', parse: eui64, brief: 'EUI-64 of the Supplier who asks', placeholder: 'EUI64' },
      id: { kind: 'parsed', parse: text, default: 'draft', brief: 'What the campaign is called', placeholder: 'ID' },
      model: { kind: 'parsed', parse: text, default: 'ESME', brief: 'Model of the meters', placeholder: 'NAME' },
      runs: {
        kind: 'parsed',
        parse: hexValue(8),
        default: '00010000',
        brief: 'Version that the meters run now',
        placeholder: 'HEX8',
      },
      out,
      force,
      json,
    },
    positional: onePath('Package that they shall run', 'PACKAGE'),
  },
  docs: {
    brief: 'Write the smallest input of a campaign: one package, every meter of an inventory',
    fullDescription: [
      'A beginning for one of your own: schedules, phases, windows and the rest are described in packages/campaign/docs/INPUT.md.\n',
      examples(
        'smets1 campaign draft u-boot.s1pk --inventory meters.json --user 90-B3-D5-1F-30-01-00-00 --id spring --out spring.json',
      ),
    ].join('\n'),
  },
});

export const campaignRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { draft, plan, simulate, ...campaignRunRoutes },
  docs: { brief: 'Thousands of meters under one capacity: plan, simulate, run' },
});
