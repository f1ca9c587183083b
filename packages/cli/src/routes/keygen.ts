import type { Command } from '@stricli/core';
import { examples, json, onePath } from '../flags/common.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';

export const keygenCommand: Command<CliContext> = command(async () => (await import('../commands/keygen.js')).keygen, {
  parameters: { flags: { json }, positional: onePath('Directory, made for you alone (0700)', 'DIR') },
  docs: {
    brief: 'Make key pairs for manufacturer, supplier, DCO and device',
    fullDescription: [
      'Makes four P-256 key pairs, NAME.key.pem (0600) and NAME.pub.pem for manufacturer, supplier, dco and device.',
      'Keys that are there are never replaced.\n',
      examples('smets1 keygen keys'),
    ].join('\n'),
  },
});
