import { buildRouteMap, type RouteMap } from '@stricli/core';
import { examples, json, onePath, privateKey, trust } from '../flags/common.js';
import { bigWholeNumber, eui64, instantS, listenAddress, text, wholeNumber } from '../flags/values.js';
import { PARTS_MAX, RATE_MAX, RATE_MIN, REQUEST_COUNTER_MAX } from '../limits.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';
import { dcoCapacityRoutes } from './dco-capacity.js';
import { dcoAddress, dcoTokenFile } from './dco-flags.js';

const to = dcoAddress;
const tokenFile = dcoTokenFile;

const serve = command(async () => (await import('../commands/dco-serve.js')).dcoServe, {
  parameters: {
    flags: {
      store: {
        kind: 'parsed',
        parse: text,
        brief: 'Directory for all that must last, made where it is not',
        placeholder: 'DIR',
      },
      inventory: { kind: 'parsed', parse: text, brief: 'Which meters there are, JSON', placeholder: 'FILE' },
      trust,
      key: privateKey('DCO'),
      listen: {
        kind: 'parsed',
        parse: listenAddress,
        default: '127.0.0.1:0',
        brief: 'Address to listen on; port 0 lets the system choose',
        placeholder: 'HOST:PORT',
      },
      allowedHost: {
        kind: 'parsed',
        parse: text,
        variadic: true,
        optional: true,
        brief: 'Host header to answer to; needed beyond loopback',
        placeholder: 'HOST:PORT',
      },
      tokenFile: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: 'File with the token to ask for; DIR.token, made where it is not, when not given',
        placeholder: 'FILE',
      },
      rate: {
        kind: 'parsed',
        parse: wholeNumber(RATE_MIN, RATE_MAX),
        optional: true,
        brief: 'Pace of each link to a meter',
        placeholder: 'OCTETS_PER_S',
      },
      json,
    },
  },
  docs: {
    brief: 'Run the DCO store, with its countersigner in a process of its own',
    fullDescription: [
      'Takes 11.1 requests until an image is whole, and only then answers them; on 11.3 it checks, countersigns, forwards and activates.',
      'It may be killed at any moment: what was acknowledged is there at its next start, and what was begun goes on.\n',
      'The inventory is { "devices": [ { "deviceId": "00-DB-…", "address": "ws://…", "publicKeyPath": "device.pub.pem" } ] }.\n',
      examples(
        'smets1 dco serve --store store --inventory meters.json --key keys/dco.key.pem --listen 127.0.0.1:8081 \\',
        '  --trust manufacturer=keys/manufacturer.pub.pem --trust supplier=keys/supplier.pub.pem',
      ),
    ].join('\n'),
  },
});

const submit = command(async () => (await import('../commands/dco-submit.js')).dcoSubmit, {
  parameters: {
    flags: {
      to,
      tokenFile,
      device: {
        kind: 'parsed',
        parse: eui64,
        variadic: true,
        optional: true,
        brief: 'A meter it is for, once for each',
        placeholder: 'EUI64',
      },
      devices: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: 'File with the meters it is for, one a line',
        placeholder: 'FILE',
      },
      originator: { kind: 'parsed', parse: eui64, brief: 'EUI-64 of the supplier', placeholder: 'EUI64' },
      counter: {
        kind: 'parsed',
        parse: bigWholeNumber(0n, REQUEST_COUNTER_MAX),
        brief: 'Counter of the first request; each part takes the next',
        placeholder: 'N',
      },
      json,
    },
    positional: {
      kind: 'array',
      parameter: { brief: 'Package, or parts of one in any order', placeholder: 'FILE', parse: text },
      minimum: 1,
      maximum: PARTS_MAX,
    },
  },
  docs: {
    brief: 'Give an image to a DCO: one 11.1 for each part',
    fullDescription: [
      'Exit code 0 once the DCO holds the whole image and has answered; 21 while blocks are missing. Repeating it is harmless.\n',
      examples(
        'smets1 dco submit u-boot.s1pk --to http://127.0.0.1:8081 --token-file store.token --originator 90-B3-D5-1F-30-01-00-00 \\',
        '  --counter 1 --device 00-DB-12-34-56-78-90-A0',
      ),
    ].join('\n'),
  },
});

const activate = command(async () => (await import('../commands/dco-activate.js')).dcoActivate, {
  parameters: {
    flags: {
      to,
      tokenFile,
      at: {
        kind: 'parsed',
        parse: instantS,
        optional: true,
        brief: 'Activate at this time rather than now',
        placeholder: 'ISO8601',
      },
      cancel: { kind: 'boolean', brief: 'Call off what was asked for later', default: false },
      counter: {
        kind: 'parsed',
        parse: bigWholeNumber(0n, REQUEST_COUNTER_MAX),
        optional: true,
        brief: 'Counter of the request; that of the authorisation when not given, and one of its own with --cancel',
        placeholder: 'N',
      },
      json,
    },
    positional: onePath('Authorisation signed by the supplier', 'AUTHORISATION'),
  },
  docs: {
    brief: 'Have a DCO activate an image on a meter: 11.3',
    fullDescription: [
      'Names device, image and originator as the authorisation does, and waits for the response. Interrupted, it can be run again.\n',
      examples(
        'smets1 dco activate activate.signed --to http://127.0.0.1:8081 --token-file store.token',
        'smets1 dco activate activate.signed --to http://127.0.0.1:8081 --token-file store.token --at 2026-12-01T02:00:00Z',
      ),
    ].join('\n'),
  },
});

const status = command(async () => (await import('../commands/dco-status.js')).dcoStatus, {
  parameters: {
    flags: {
      to,
      tokenFile,
      request: { kind: 'parsed', parse: text, optional: true, brief: 'What came of one request', placeholder: 'ID' },
      after: {
        kind: 'parsed',
        parse: wholeNumber(0, Number.MAX_SAFE_INTEGER),
        optional: true,
        brief: 'Responses above this number',
        placeholder: 'N',
      },
      acknowledge: {
        kind: 'parsed',
        parse: wholeNumber(0, Number.MAX_SAFE_INTEGER),
        optional: true,
        brief: 'Acknowledge responses up to this number',
        placeholder: 'N',
      },
      json,
    },
  },
  docs: {
    brief: 'See what a DCO holds and answers; acknowledge responses',
    fullDescription: examples(
      'smets1 dco status --to http://127.0.0.1:8081 --token-file store.token',
      'smets1 dco status --to http://127.0.0.1:8081 --token-file store.token --acknowledge 2',
    ),
  },
});

export const dcoRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { serve, submit, status, activate, capacity: dcoCapacityRoutes },
  docs: { brief: 'The DCO store: serve, submit, status, activate, capacity' },
});
