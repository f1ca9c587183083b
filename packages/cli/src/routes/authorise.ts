import { buildRouteMap, type RouteMap } from '@stricli/core';
import { examples, force, json, onePath, optionalTrust, out, privateKey, trust } from '../flags/common.js';
import { bigWholeNumber, eui64, instantS, text } from '../flags/values.js';
import { ORIGINATOR_COUNTER_MAX } from '../limits.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';

const sign = command(async () => (await import('../commands/authorise-sign.js')).authoriseSign, {
  parameters: {
    flags: {
      package: { kind: 'parsed', parse: text, brief: 'Package whose image may be activated', placeholder: 'FILE' },
      deviceId: { kind: 'parsed', parse: eui64, brief: 'The one meter', placeholder: 'EUI64' },
      originator: { kind: 'parsed', parse: eui64, brief: 'EUI-64 of the supplier', placeholder: 'EUI64' },
      counter: {
        kind: 'parsed',
        parse: bigWholeNumber(1n, ORIGINATOR_COUNTER_MAX),
        brief: 'Originator counter: higher than in any authorisation before',
        placeholder: 'N',
      },
      notBefore: {
        kind: 'parsed',
        parse: instantS,
        optional: true,
        brief: 'First instant at which it holds',
        placeholder: 'ISO8601',
      },
      notAfter: {
        kind: 'parsed',
        parse: instantS,
        optional: true,
        brief: 'Last instant at which it holds',
        placeholder: 'ISO8601',
      },
      key: privateKey('supplier'),
      trust: optionalTrust,
      out,
      force,
      json,
    },
  },
  docs: {
    brief: 'Sign, as the supplier, that a meter may activate an image',
    fullDescription: [
      'The authorisation names one meter, one image and one counter; a meter takes it only with the countersignature of the DCO.\n',
      examples(
        'smets1 authorise sign --package u-boot.s1pk --device-id 00-DB-12-34-56-78-90-A0 --originator 90-B3-D5-1F-30-00-00-01 \\',
        '  --counter 1 --key keys/supplier.key.pem --out activate.signed',
      ),
    ].join('\n'),
  },
});

const countersign = command(async () => (await import('../commands/authorise-countersign.js')).authoriseCountersign, {
  parameters: {
    flags: { key: privateKey('DCO'), trust, out, force, json },
    positional: onePath('Authorisation signed by the supplier'),
  },
  docs: {
    brief: 'Countersign, as the DCO, what a supplier signed',
    fullDescription: examples(
      'smets1 authorise countersign activate.signed --key keys/dco.key.pem --trust supplier=keys/supplier.pub.pem \\',
      '  --out activate.auth',
    ),
  },
});

export const authoriseRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { sign, countersign },
  docs: { brief: 'Authorisations to activate: sign, countersign' },
});
