import { buildRouteMap, type RouteMap } from '@stricli/core';
import { examples, force, json, onePath, out, privateKey, trust } from '../flags/common.js';
import { blockBytes, hexRange, text, wholeNumber } from '../flags/values.js';
import { BLOCK_BYTES_DEFAULT, COUNTER_MAX, PART_BYTES_DEFAULT, PARTS_MAX } from '../limits.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';

const build = command(async () => (await import('../commands/package-build.js')).packageBuild, {
  parameters: {
    flags: {
      out,
      key: privateKey('manufacturer'),
      counter: {
        kind: 'parsed',
        parse: wholeNumber(0, COUNTER_MAX),
        optional: true,
        brief: 'Security counter; the file version when not given',
        placeholder: 'N',
      },
      blockBytes: {
        kind: 'parsed',
        parse: blockBytes,
        default: String(BLOCK_BYTES_DEFAULT),
        brief: 'Payload octets of a block: a power of two, 256 to 65536',
        placeholder: 'N',
      },
      applicableFrom: {
        kind: 'parsed',
        parse: hexRange(8),
        optional: true,
        brief: 'Running versions it may replace, hex; any when not given',
        placeholder: 'A..B',
      },
      label: { kind: 'parsed', parse: text, optional: true, brief: 'Name for people, signed', placeholder: 'TEXT' },
      force,
      json,
    },
    positional: onePath('OTA Upgrade Image', 'IMAGE'),
  },
  docs: {
    brief: 'Cut an image into signed blocks',
    fullDescription: [
      'Makes a package: a signed manifest, the OTA header, and every block of the image with a signature of its own.\n',
      examples(
        'smets1 package build u-boot.ota --key keys/manufacturer.key.pem --out u-boot.s1pk',
        'smets1 package build u-boot.ota --key keys/manufacturer.key.pem --counter 7 --block-bytes 1024 \\',
        '  --applicable-from 00010000..0001FFFF --out u-boot.s1pk',
      ),
    ].join('\n'),
  },
});

const verify = command(async () => (await import('../commands/package-verify.js')).packageVerify, {
  parameters: { flags: { trust, json }, positional: onePath('Package, or one part of it') },
  docs: {
    brief: 'Check every octet of a package or part',
    fullDescription: [
      'Exit code 0 only when structure, CRCs, manifest, every block, image hash and GBCS signature hold; 14 when a signature',
      'or key does not, 15 when the file is spoilt.\n',
      examples(
        'smets1 package verify u-boot.s1pk --trust manufacturer=keys/manufacturer.pub.pem --trust supplier=keys/supplier.pub.pem',
        'smets1 package verify bench.s1pk --trust bench.pub.pem',
      ),
    ].join('\n'),
  },
});

const inspect = command(async () => (await import('../commands/package-inspect.js')).packageInspect, {
  parameters: { flags: { json }, positional: onePath('Package or part') },
  docs: {
    brief: 'Say what a package says of itself; signatures are not checked',
    fullDescription: examples('smets1 package inspect u-boot.s1pk', 'smets1 package inspect u-boot.s1pk --json'),
  },
});

const split = command(async () => (await import('../commands/package-split.js')).packageSplit, {
  parameters: {
    flags: {
      outDir: { kind: 'parsed', parse: text, brief: 'Directory for the parts', placeholder: 'DIR' },
      partBytes: {
        kind: 'parsed',
        parse: wholeNumber(1, PART_BYTES_DEFAULT),
        default: String(PART_BYTES_DEFAULT),
        brief: 'Octets of a part at most',
        placeholder: 'N',
      },
      force,
      json,
    },
    positional: onePath('Package'),
  },
  docs: {
    brief: 'Cut a package into the parts that 11.1 requests carry',
    fullDescription: `Each part holds manifest, header and a run of whole blocks.\n\n${examples('smets1 package split u-boot.s1pk --out-dir parts')}`,
  },
});

const join = command(async () => (await import('../commands/package-join.js')).packageJoin, {
  parameters: {
    flags: { out, force, json },
    positional: {
      kind: 'array',
      parameter: { brief: 'Parts, in any order', placeholder: 'PART', parse: text },
      minimum: 1,
      maximum: PARTS_MAX,
    },
  },
  docs: {
    brief: 'Put parts together to the package they came from',
    fullDescription: examples('smets1 package join parts/*.s1pk --out u-boot.s1pk'),
  },
});

export const packageRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { build, verify, inspect, split, join },
  docs: { brief: 'Packages of signed blocks: build, verify, inspect, split, join' },
});
