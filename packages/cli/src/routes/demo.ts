import type { Command } from '@stricli/core';
import { examples, json } from '../flags/common.js';
import { text, wholeNumber } from '../flags/values.js';
import { RATE_MAX, RATE_MIN } from '../limits.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';

export const demoCommand: Command<CliContext> = command(async () => (await import('../commands/demo.js')).demo, {
  parameters: {
    flags: {
      link: { kind: 'enum', values: ['ws', 'serial'], default: 'ws', brief: 'How the DCO reaches the meter' },
      keep: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: 'New directory in which everything stays: keys, image, package, store, flash file',
        placeholder: 'DIR',
      },
      rate: {
        kind: 'parsed',
        parse: wholeNumber(RATE_MIN, RATE_MAX),
        optional: true,
        brief: 'Pace of the line, to have something to watch',
        placeholder: 'OCTETS_PER_S',
      },
      json,
    },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: 'Raw firmware; Debian’s U-Boot, or a synthetic image, when not given',
          placeholder: 'FIRMWARE',
          parse: text,
          optional: true,
        },
      ],
    },
  },
  docs: {
    brief: 'Take a firmware file all the way to a running virtual meter',
    fullDescription: [
      'Makes keys, an image, a package and its parts; gives the parts to a DCO of its own by 11.1; has it activate the image on a virtual',
      'meter by 11.3; switches the meter off and on; reads the version by 11.2, and compares what is in its flash with the file.\n',
      examples(
        'smets1 demo',
        'smets1 demo firmware.bin --link serial',
        'smets1 demo --rate 200000',
        'smets1 demo --keep demo',
      ),
    ].join('\n'),
  },
});
