import { buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import { examples, force, json, optionalTrust } from '../flags/common.js';
import { share, text, wholeNumber } from '../flags/values.js';
import { FLEET_METERS_MAX, FLEET_WORKERS_MAX, SEED_MAX } from '../limits.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';

const run: Command<CliContext> = command(async () => (await import('../commands/fleet-run.js')).fleetRun, {
  parameters: {
    flags: {
      meters: {
        kind: 'parsed',
        parse: wholeNumber(1, FLEET_METERS_MAX),
        brief: `How many meters, 1 to ${FLEET_METERS_MAX}`,
        placeholder: 'N',
      },
      package: { kind: 'parsed', parse: text, brief: 'Package that they are to run', placeholder: 'FILE' },
      trust: optionalTrust,
      faults: {
        kind: 'parsed',
        parse: share,
        default: '1%',
        brief: 'Share of the meters that a spoilt octet, a foreign signature or a power cut befalls',
        placeholder: 'SHARE',
      },
      seed: {
        kind: 'parsed',
        parse: wholeNumber(0, SEED_MAX),
        default: '1',
        brief: 'Of everything that is drawn: which meters have faults, when power goes, how slow lines are',
        placeholder: 'N',
      },
      profile: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief:
          'Modelled family of all meters (plain, serial-nor, internal-ecc, parallel-nor, zero-erased, wide-granule)',
        placeholder: 'NAME',
      },
      workers: {
        kind: 'parsed',
        parse: wholeNumber(1, FLEET_WORKERS_MAX),
        optional: true,
        brief: 'Threads; one for each core when not given',
        placeholder: 'N',
      },
      out: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: 'File for the end of every meter: .csv, or .json with the report',
        placeholder: 'FILE',
      },
      force,
      json,
    },
  },
  docs: {
    brief: 'Bring a package to thousands of virtual meters at once',
    fullDescription: [
      'Makes meters with identities, keys and lines of their own, sends each of them every block of the package, and activates it: each',
      'verifies every signature and the whole image, starts it on trial and confirms it. Some meters meet with a fault and must come to the',
      'end that belongs to it. At the end slots drawn by lot are read from flash and hashed from outside. The same seed gives the same report,',
      'whatever the number of workers.\n',
      '--trust names the keys that the package is signed with, a directory made by keygen or ROLE=PEM. Without it the image of the package is',
      'signed anew by keys of the fleet, and that is said. Exit code 21: some meters, or slots, did not end as they must.\n',
      examples(
        'smets1 fleet run --meters 12000 --package u-boot.s1pk --trust keys',
        'smets1 fleet run --meters 1000 --package u-boot.s1pk --faults 10% --seed 7 --out ends.csv',
      ),
    ].join('\n'),
  },
});

export const fleetRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { run },
  docs: { brief: 'Many virtual meters at once: run' },
});
