import { buildRouteMap, type RouteMap } from '@stricli/core';
import { examples, force, json, onePath, out, privateKey, trust } from '../flags/common.js';
import { hexRange, hexValue, text } from '../flags/values.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';

const build = command(async () => (await import('../commands/image-build.js')).imageBuild, {
  parameters: {
    flags: {
      out,
      manufacturer: { kind: 'parsed', parse: hexValue(4), brief: 'Manufacturer code, hex', placeholder: 'HEX' },
      imageType: { kind: 'parsed', parse: hexValue(4), brief: 'Image type, hex', placeholder: 'HEX' },
      version: { kind: 'parsed', parse: hexValue(8), brief: 'File version, hex', placeholder: 'HEX' },
      hardware: { kind: 'parsed', parse: hexRange(4), brief: 'Hardware versions it runs on, hex', placeholder: 'A..B' },
      headerString: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: 'Text in the header, at most 32 octets',
        placeholder: 'TEXT',
      },
      key: privateKey('supplier'),
      force,
      json,
    },
    positional: onePath('Raw firmware, 1 to 10,240,000 octets'),
  },
  docs: {
    brief: 'Put OTA header and supplier signature around a raw firmware',
    fullDescription: [
      'Makes an OTA Upgrade Image: 60 octets of header, the firmware as it is, and the GBCS signature of the supplier.\n',
      examples(
        'smets1 image build u-boot.bin --out u-boot.ota --manufacturer 121D --image-type 0001 \\',
        '  --version 00020001 --hardware 1111..1211 --key keys/supplier.key.pem',
      ),
    ].join('\n'),
  },
});

const inspect = command(async () => (await import('../commands/image-inspect.js')).imageInspect, {
  parameters: { flags: { json }, positional: onePath('OTA Upgrade Image') },
  docs: {
    brief: 'Say what an image says of itself; nothing is verified',
    fullDescription: `Prints the header, the sizes and the Manufacturer Image Hash.\n\n${examples('smets1 image inspect u-boot.ota')}`,
  },
});

const verify = command(async () => (await import('../commands/image-verify.js')).imageVerify, {
  parameters: { flags: { trust, json }, positional: onePath('OTA Upgrade Image') },
  docs: {
    brief: 'Check structure and GBCS signature of an image',
    fullDescription: [
      'Exit code 0 only when the signature holds with a supplier key you trust; 14 when it does not, 15 when the file is spoilt.\n',
      examples('smets1 image verify u-boot.ota --trust supplier=keys/supplier.pub.pem'),
    ].join('\n'),
  },
});

export const imageRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { build, inspect, verify },
  docs: { brief: 'OTA Upgrade Images: build, inspect, verify' },
});
