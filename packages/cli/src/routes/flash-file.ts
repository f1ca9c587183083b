import { buildRouteMap, type RouteMap } from '@stricli/core';
import { examples, json, onePath } from '../flags/common.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';

const inspect = command(async () => (await import('../commands/flash-file-inspect.js')).flashFileInspect, {
  parameters: { flags: { json }, positional: onePath('Flash file of a virtual meter, or a snapshot') },
  docs: {
    brief: 'Say what a flash file holds: slots, boot records, staging map, wear, registers',
    fullDescription: [
      'Reads the file and never writes to it; a meter may run on it meanwhile. Images are verified as boot verifies them. What is spoilt is',
      'said where it is found, and the rest is shown all the same; only a file that is no flash file ends with 20.\n',
      examples('smets1 flash-file inspect meter.flash', 'smets1 flash-file inspect meter.flash --json'),
    ].join('\n'),
  },
});

export const flashFileRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { inspect },
  docs: { brief: 'Flash files of virtual meters: inspect' },
});
