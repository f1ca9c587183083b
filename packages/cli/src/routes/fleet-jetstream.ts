/** A queue of updates for workers on many machines. */
import type { Command, TypedFlagParameter } from '@stricli/core';
import { examples, json, onePath, optionalTrust } from '../flags/common.js';
import { text, wholeNumber } from '../flags/values.js';
import { LEASE_S_MAX, LEASE_S_MIN, PARALLEL_MAX, RATE_MAX, RATE_MIN, TRIES_MAX } from '../limits.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';

type Flag<T> = TypedFlagParameter<T, CliContext>;

const nats: Flag<string> = {
  kind: 'parsed',
  parse: text,
  brief: 'The NATS server with the queue; scripts/nats.sh starts one',
  placeholder: 'nats://HOST:PORT',
};
const tokenFile: Flag<string | undefined> = {
  kind: 'parsed',
  parse: text,
  optional: true,
  brief: 'File with the token of the server',
  placeholder: 'FILE',
};
const site: Flag<string> = {
  kind: 'parsed',
  parse: text,
  default: 'main',
  brief: 'The place whose workers reach the meters',
  placeholder: 'NAME',
};

const worker = command(async () => (await import('../commands/fleet-worker.js')).fleetWorker, {
  parameters: {
    flags: {
      nats,
      tokenFile,
      inventory: {
        kind: 'parsed',
        parse: text,
        brief: 'Which meters this worker reaches, with their public keys, JSON',
        placeholder: 'FILE',
      },
      site,
      parallel: {
        kind: 'parsed',
        parse: wholeNumber(1, PARALLEL_MAX),
        optional: true,
        brief: 'Meters spoken to at a time; 4 when not given',
        placeholder: 'N',
      },
      tries: {
        kind: 'parsed',
        parse: wholeNumber(1, TRIES_MAX),
        optional: true,
        brief: 'Conversations that come to nothing before a job has failed; 20 when not given',
        placeholder: 'N',
      },
      lease: {
        kind: 'parsed',
        parse: wholeNumber(LEASE_S_MIN, LEASE_S_MAX),
        optional: true,
        brief:
          'How long this worker may be silent before another one takes over; the first worker of a site decides; 30 when not given',
        placeholder: 'SECONDS',
      },
      rate: {
        kind: 'parsed',
        parse: wholeNumber(RATE_MIN, RATE_MAX),
        optional: true,
        brief: 'Pace of each link to a meter',
        placeholder: 'OCTETS_PER_S',
      },
      untilIdle: { kind: 'boolean', brief: 'End once no job of the site is left', default: false },
      json,
    },
  },
  docs: {
    brief: 'Take updates from a queue and meters through them',
    fullDescription: [
      'Any number of workers share a queue. One that is killed or cut off loses its meter when its lease ends; the next one resumes from',
      'what the meter holds. Each meter is updated once, however often its job comes.\n',
      'The inventory is that of `smets1 dco serve`. A worker leaves alone what is not in it, or has no public key there.\n',
      examples(
        'scripts/nats.sh start nats-data',
        'smets1 fleet worker --nats nats://127.0.0.1:4222 --inventory meters.json',
      ),
    ].join('\n'),
  },
});

const enqueue = command(async () => (await import('../commands/fleet-enqueue.js')).fleetEnqueue, {
  parameters: {
    flags: {
      nats,
      tokenFile,
      campaign: { kind: 'parsed', parse: text, brief: 'Name of the campaign', placeholder: 'NAME' },
      authorisations: {
        kind: 'parsed',
        parse: text,
        variadic: true,
        brief: 'Countersigned authorisation, one for each meter; or a folder of *.auth',
        placeholder: 'PATH',
      },
      site,
      again: { kind: 'boolean', brief: 'Enter once more what has failed', default: false },
      trust: optionalTrust,
      json,
    },
    positional: onePath('Package', 'PACKAGE'),
  },
  docs: {
    brief: 'Enter the update of each authorised meter into a queue',
    fullDescription: [
      'One job for each campaign, meter and image: entering it again changes nothing, and puts back what a server lost with its disk.\n',
      examples(
        'smets1 fleet enqueue u-boot.s1pk --nats nats://127.0.0.1:4222 --campaign spring --authorisations authorised/',
      ),
    ].join('\n'),
  },
});

const status = command(async () => (await import('../commands/fleet-status.js')).fleetStatus, {
  parameters: {
    flags: {
      nats,
      tokenFile,
      campaign: { kind: 'parsed', parse: text, optional: true, brief: 'Of this campaign only', placeholder: 'NAME' },
      json,
    },
  },
  docs: {
    brief: 'See what is waiting, claimed, done and failed in a queue',
    fullDescription: examples('smets1 fleet status --nats nats://127.0.0.1:4222 --campaign spring'),
  },
});

/** They stand under `fleet`. */
export const fleetQueueCommands: Readonly<Record<'worker' | 'enqueue' | 'status', Command<CliContext>>> = {
  worker,
  enqueue,
  status,
};
