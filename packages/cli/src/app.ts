/** The tree of commands. Only options and help texts are here; what a command does is loaded when it runs. */
import { buildApplication, buildRouteMap, type Application } from '@stricli/core';
import { authoriseRoutes } from './routes/authorise.js';
import { campaignRoutes } from './routes/campaign.js';
import { dcoRoutes } from './routes/dco.js';
import { demoCommand } from './routes/demo.js';
import { emulateCommand } from './routes/emulate.js';
import { fleetRoutes } from './routes/fleet.js';
import { flashFileRoutes } from './routes/flash-file.js';
import { flashCommand, readVersionCommand } from './routes/flash.js';
import { imageRoutes } from './routes/image.js';
import { keygenCommand } from './routes/keygen.js';
import { packageRoutes } from './routes/package.js';
import type { CliContext } from './shell.js';
import { VERSION } from './version.js';

export const app: Application<CliContext> = buildApplication(
  buildRouteMap({
    routes: {
      demo: demoCommand,
      keygen: keygenCommand,
      image: imageRoutes,
      package: packageRoutes,
      authorise: authoriseRoutes,
      flash: flashCommand,
      'read-version': readVersionCommand,
      emulate: emulateCommand,
      'flash-file': flashFileRoutes,
      dco: dcoRoutes,
      campaign: campaignRoutes,
      fleet: fleetRoutes,
    },
    docs: {
      brief: 'From a firmware file to a running SMETS1 meter',
      fullDescription: [
        'From a firmware file to a running SMETS1 meter: images, packages, authorisations, the DCO store and a virtual meter.',
        'Every command explains itself with --help, and speaks JSON with --json.\n',
        'EXIT CODES',
        '   0 done                  13 line too noisy         18 interrupted, run the same again to resume',
        '   1 defect of smets1      14 not authentic          19 another device answered',
        '   2 usage                 15 verification failed    20 storage full or failed',
        '  10 port                  16 activation failed      21 some devices not done',
        '  11 no answer             17 the meter reverted     22 activation not authorised',
        '  12 refused',
      ].join('\n'),
    },
  }),
  {
    name: 'smets1',
    versionInfo: { currentVersion: VERSION },
    scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
  },
);
