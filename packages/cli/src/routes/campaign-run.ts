import type { Command, TypedFlagParameter, TypedPositionalParameters } from '@stricli/core';
import { examples, json, onePath, optionalTrust } from '../flags/common.js';
import { eui64, supplierKeyFile, text } from '../flags/values.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';
import { dcoAddress, dcoTokenFile } from './dco-flags.js';
import { reportFiles } from './report-files.js';

const DIRECTORY = 'Folder of the campaign: what --journal named to `campaign run`';
const folder: TypedPositionalParameters<[string], CliContext> = onePath(DIRECTORY, 'DIR');

const request: TypedFlagParameter<string | undefined, CliContext> = {
  kind: 'parsed',
  parse: text,
  optional: true,
  brief: 'One request of the campaign; all of them unless given',
  placeholder: 'ID',
};

const reason: TypedFlagParameter<string, CliContext> = {
  kind: 'parsed',
  parse: text,
  default: 'by hand',
  brief: 'Why; it stands in the journal and in the report',
  placeholder: 'TEXT',
};

const run = command(async () => (await import('../commands/campaign-run.js')).campaignRun, {
  parameters: {
    flags: {
      to: dcoAddress,
      tokenFile: dcoTokenFile,
      journal: {
        kind: 'parsed',
        parse: text,
        brief: 'Folder for all that must last, made where it is not',
        placeholder: 'DIR',
      },
      package: {
        kind: 'parsed',
        parse: text,
        variadic: true,
        brief: 'Package of an entry of the product list, found there by its hash; once for each',
        placeholder: 'FILE',
      },
      supplierKey: {
        kind: 'parsed',
        parse: supplierKeyFile,
        variadic: true,
        brief: 'Private key that signs the authorisations of a User, or of all; mode 0600',
        placeholder: '[USER=]PEM',
      },
      trust: optionalTrust,
      json,
    },
    positional: onePath('Input of the campaign, JSON', 'CAMPAIGN'),
  },
  docs: {
    brief: 'Run a campaign against a DCO, meter by meter, until it ends',
    fullDescription: [
      'Every decision is durable in DIR before the DCO is asked; every request has an id that follows from the campaign, the meter and the image,',
      'so that the same command goes on after Ctrl-C, kill -9 or a power cut, and no meter is updated twice.\n',
      'Exit code 0 only when every meter runs its target; 21 when the campaign has ended and some do not; 18 when it was interrupted.\n',
      examples(
        'smets1 campaign run spring.json --journal spring --to http://127.0.0.1:8081 --token-file store.token \\',
        '  --package u-boot.s1pk --supplier-key keys/supplier.key.pem',
      ),
    ].join('\n'),
  },
});

const status = command(async () => (await import('../commands/campaign-status.js')).campaignStatus, {
  parameters: {
    flags: {
      meter: { kind: 'parsed', parse: eui64, optional: true, brief: 'Only this meter', placeholder: 'EUI64' },
      meters: { kind: 'boolean', brief: 'Every meter, a line each', default: false },
      json,
    },
    positional: folder,
  },
  docs: {
    brief: 'See where a campaign and each of its meters stand',
    fullDescription: [
      'Reads the journal beside the process that runs the campaign, and disturbs nothing.\n',
      examples('smets1 campaign status spring', 'smets1 campaign status spring --meter 00-DB-12-34-56-78-90-A0'),
    ].join('\n'),
  },
});

const pause = command(async () => (await import('../commands/campaign-tell.js')).campaignPause, {
  parameters: { flags: { request, reason, json }, positional: folder },
  docs: {
    brief: 'Start nothing new; meters half-way are completed',
    fullDescription: [
      'Durable when the command ends, whether a process runs the campaign or none does.\n',
      examples('smets1 campaign pause spring --reason "a doubt about version 3"'),
    ].join('\n'),
  },
});

const resume = command(async () => (await import('../commands/campaign-tell.js')).campaignResume, {
  parameters: { flags: { request, json }, positional: folder },
  docs: {
    brief: 'End a pause, or the hold of a stop rule, which begins anew',
    fullDescription: examples('smets1 campaign resume spring', 'smets1 campaign resume spring --request r2'),
  },
});

const abort = command(async () => (await import('../commands/campaign-tell.js')).campaignAbort, {
  parameters: {
    flags: {
      request,
      reason,
      halfDone: {
        kind: 'enum',
        values: ['complete', 'leave'],
        default: 'complete',
        brief: 'Meters on an interim version go on to their target, or are left there',
      },
      json,
    },
    positional: folder,
  },
  docs: {
    brief: 'End a campaign, or a request of it, for good',
    fullDescription: [
      'Meters that have not started stay as they are. There is no way back from it; `pause` has one.\n',
      examples('smets1 campaign abort spring --request r2 --reason "withdrawn by the manufacturer"'),
    ].join('\n'),
  },
});

const tell = command(async () => (await import('../commands/campaign-tell.js')).campaignTell, {
  parameters: {
    flags: { json },
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: DIRECTORY, placeholder: 'DIR', parse: text },
        { brief: 'One command, JSON', placeholder: 'FILE', parse: text },
      ],
    },
  },
  docs: {
    brief: 'Tell a campaign of capacity, incidents, churn, or another target',
    fullDescription: [
      'Commands are those of packages/campaign/docs/INPUT.md: capacity, open-incident, close-incident, churn, retarget, and those that have a word of their own.\n',
      examples(
        `echo '{ "kind": "capacity", "fromDay": "2027-03-01", "imagesPerDay": 6000 }' > less.json`,
        'smets1 campaign tell spring less.json',
      ),
    ].join('\n'),
  },
});

const report = command(async () => (await import('../commands/campaign-report.js')).campaignReport, {
  parameters: { flags: { ...reportFiles, json }, positional: folder },
  docs: {
    brief: 'Write the report of a campaign, also while it runs',
    fullDescription: [
      'The page is one HTML file without script; the tables are CSV; --figures has everything as JSON.\n',
      examples('smets1 campaign report spring --page spring.html --csv spring-tables'),
    ].join('\n'),
  },
});

export const campaignRunRoutes: Readonly<Record<string, Command<CliContext>>> = {
  run,
  status,
  pause,
  resume,
  abort,
  tell,
  report,
};
