/** Keys, image, package and authorisation in a folder, made by the commands themselves. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateKeyPair } from '@smets1/host';
import { generatedFirmware } from '../meter/first-image.js';
import { call } from './call.js';

export interface ReleaseWish {
  readonly bytes: number;
  /** One key for everything, `bench.key.pem`. */
  readonly isBench?: boolean;
  readonly version?: string;
  readonly seed?: number;
  /** Prefix of every file but the keys, which are made once. */
  readonly name?: string;
  readonly originatorCounter?: number;
  readonly counter?: number;
}

/** Makes `firmware.bin`, `image.ota`, `package.s1pk`, `activate.signed` and `activate.auth`, with keys in `keys`. */
export async function makeRelease(folder: string, wish: ReleaseWish): Promise<void> {
  const name = wish.name ?? '';
  const isFirst = name === '';
  if (wish.isBench === true) {
    const { privatePem, publicPem } = generateKeyPair();
    mkdirSync(join(folder, 'keys'));
    for (const role of ['manufacturer', 'supplier', 'dco']) {
      writeFileSync(join(folder, `keys/${role}.key.pem`), privatePem, { mode: 0o600 });
      writeFileSync(join(folder, `keys/${role}.pub.pem`), publicPem);
    }
    writeFileSync(join(folder, 'bench.pub.pem'), publicPem);
  } else if (isFirst) {
    await run(folder, 'keygen', 'keys');
  }
  writeFileSync(join(folder, `${name}firmware.bin`), generatedFirmware(wish.bytes, wish.seed ?? 7));
  const smets1 = async (line: string, ...more: readonly string[]): Promise<void> =>
    await run(folder, ...line.replaceAll('NAME-', name).split(' '), ...more);
  const hardware = '--manufacturer 121D --image-type 0001 --hardware 1111..1211';
  const version = `--version ${wish.version ?? '00020001'}`;
  const supplier = '--key keys/supplier.key.pem';
  await smets1(`image build NAME-firmware.bin --out NAME-image.ota ${hardware} ${version} ${supplier}`);
  const counter = wish.counter === undefined ? [] : ['--counter', String(wish.counter)];
  const manufacturer = '--key keys/manufacturer.key.pem --block-bytes 1024';
  await smets1(`package build NAME-image.ota --out NAME-package.s1pk ${manufacturer}`, ...counter);
  const who = '--device-id 00-DB-12-34-56-78-90-A0 --originator 90-B3-D5-1F-30-01-00-00';
  const once = `--counter ${wish.originatorCounter ?? 1}`;
  await smets1(`authorise sign --package NAME-package.s1pk --out NAME-activate.signed ${who} ${once} ${supplier}`);
  const dco = '--key keys/dco.key.pem --trust supplier=keys/supplier.pub.pem';
  await smets1(`authorise countersign NAME-activate.signed --out NAME-activate.auth ${dco}`);
}

async function run(folder: string, ...args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await call(folder, ...args);
  if (exitCode !== 0) throw new Error(`${args.join(' ')} ended with ${exitCode}: ${stderr}`);
}
