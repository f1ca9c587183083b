import type { Command } from '@stricli/core';
import { examples, json } from '../flags/common.js';
import { listenAddress, text, trustedKeyFile, wholeNumber } from '../flags/values.js';
import { SEED_MAX } from '../limits.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';

export const emulateCommand: Command<CliContext> = command(
  async () => (await import('../commands/emulate.js')).emulate,
  {
    parameters: {
      flags: {
        profile: { kind: 'parsed', parse: text, optional: true, brief: 'Meter model, JSON', placeholder: 'FILE' },
        flash: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief: 'File that holds the flash: made where it is not, and kept',
          placeholder: 'FILE',
        },
        ws: {
          kind: 'parsed',
          parse: listenAddress,
          optional: true,
          brief: 'Listen for WebSockets; port 0 lets the system choose',
          placeholder: 'HOST:PORT',
        },
        serial: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief: 'Sit on this serial device; where there is none, make a pseudo terminal with its far end there',
          placeholder: 'PATH',
        },
        seed: {
          kind: 'parsed',
          parse: wholeNumber(0, SEED_MAX),
          optional: true,
          brief: 'Of everything that is drawn; drawn itself, and printed, when not given',
          placeholder: 'N',
        },
        trust: {
          kind: 'parsed',
          parse: trustedKeyFile,
          variadic: true,
          optional: true,
          brief:
            'Keys of a new meter: a directory made by keygen, or ROLE=PEM for each role; made for it when not given',
          placeholder: 'DIR',
        },
        deviceKey: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief: 'Private key of the meter; device.key.pem of the directory when not given',
          placeholder: 'PEM',
        },
        tokenFile: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief: 'File with the token that WebSockets must show',
          placeholder: 'FILE',
        },
        json,
      },
    },
    docs: {
      brief: 'Run a virtual meter',
      fullDescription: [
        'Starts a virtual SMETS1 electricity meter that can be flashed, and runs until it is interrupted. Without options it listens on a',
        'free WebSocket port and, where socat is installed, on a pseudo terminal; both are printed, with the keys made for it.',
        'With --flash it comes back after any end, also kill -9, with what its flash held.\n',
        examples(
          'smets1 emulate',
          'smets1 emulate --flash meter.flash --trust keys --ws 127.0.0.1:8080',
          'smets1 emulate --flash meter.flash --trust keys --serial /tmp/meter-line',
        ),
      ].join('\n'),
    },
  },
);
