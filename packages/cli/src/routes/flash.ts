import type { Command, TypedFlagParameter } from '@stricli/core';
import { examples, json, onePath, optionalTrust } from '../flags/common.js';
import { eui64, text, wholeNumber } from '../flags/values.js';
import { RATE_MAX, RATE_MIN, RECONNECT_S_MAX } from '../limits.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';

type Flag<T> = TypedFlagParameter<T, CliContext>;

const to: Flag<string> = {
  kind: 'parsed',
  parse: text,
  brief: 'Where the meter is: ws://HOST:PORT/PATH or serial:/dev/ttyUSB0?baud=115200',
  placeholder: 'URL',
};
const deviceKey: Flag<string | undefined> = {
  kind: 'parsed',
  parse: text,
  optional: true,
  brief: 'Public key of the meter: its signed answers are checked with it, and attested',
  placeholder: 'PEM',
};
const deviceId: Flag<Uint8Array | undefined> = {
  kind: 'parsed',
  parse: eui64,
  optional: true,
  brief: 'The meter that is meant; another one that answers is left alone (exit 19)',
  placeholder: 'EUI64',
};
const tokenFile: Flag<string | undefined> = {
  kind: 'parsed',
  parse: text,
  optional: true,
  brief: 'File with the token that the WebSocket asks for',
  placeholder: 'FILE',
};
const reconnectS: Flag<number | undefined> = {
  kind: 'parsed',
  parse: wholeNumber(0, RECONNECT_S_MAX),
  optional: true,
  brief: 'How long to try to reopen a link that was lost; 15 when not given',
  placeholder: 'SECONDS',
};

export const flashCommand: Command<CliContext> = command(async () => (await import('../commands/flash.js')).flash, {
  parameters: {
    flags: {
      to,
      activate: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: 'Countersigned authorisation: activate as well',
        placeholder: 'FILE',
      },
      replace: { kind: 'boolean', brief: 'Drop another image that the meter holds', default: false },
      rate: {
        kind: 'parsed',
        parse: wholeNumber(RATE_MIN, RATE_MAX),
        optional: true,
        brief: 'Pace of the line',
        placeholder: 'OCTETS_PER_S',
      },
      deviceKey,
      deviceId,
      trust: optionalTrust,
      tokenFile,
      reconnectS,
      json,
    },
    positional: onePath('Package', 'PACKAGE'),
  },
  docs: {
    brief: 'Bring a package onto a meter, and activate it',
    fullDescription: [
      'Offers the package, sends the blocks that the meter does not hold, and has it check the whole image. With --activate the image',
      'is activated, booted and confirmed as well. Whatever was interrupted resumes when the same line is typed again.\n',
      examples(
        'smets1 flash u-boot.s1pk --to ws://127.0.0.1:8080/meter --activate activate.auth --device-key keys/device.pub.pem',
        'smets1 flash u-boot.s1pk --to "serial:/dev/ttyUSB0?baud=115200"',
      ),
    ].join('\n'),
  },
});

export const readVersionCommand: Command<CliContext> = command(
  async () => (await import('../commands/flash.js')).readVersion,
  {
    parameters: { flags: { to, deviceKey, deviceId, tokenFile, reconnectS, json } },
    docs: {
      brief: 'Ask a meter which version it runs',
      fullDescription: [
        'The answer is signed by the meter; with --device-key the signature is checked.\n',
        examples('smets1 read-version --to ws://127.0.0.1:8080/meter --device-key keys/device.pub.pem'),
      ].join('\n'),
    },
  },
);
