/** Which keys a virtual meter is made with: those it trusts, and its own. */
import { existsSync, mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TrustAnchor } from '@smets1/emulator';
import { loadPrivateKey, loadPublicKey, type PrivateKey } from '@smets1/host';
import { CliError } from '../errors.js';
import type { TrustedKeyFile } from '../flags/values.js';
import { makeKeyFolder, privateKeyPath, publicKeyPath } from '../keys/key-folder.js';

export interface MeterKeys {
  readonly anchors: readonly TrustAnchor[];
  readonly deviceKey: PrivateKey;
  /** Where they are, when they were made for this meter, or found where such ones are kept. */
  readonly folder: string | undefined;
  /** True when one key stands for every role. */
  readonly isBench: boolean;
}

export interface KeyWish {
  /** Absolute paths. A bare directory holds keys as `smets1 keygen` makes them. */
  readonly trust: readonly TrustedKeyFile[];
  readonly deviceKeyPath: string | undefined;
  readonly flashPath: string | undefined;
}

const TRUST_ROLES = ['manufacturer', 'supplier', 'dco'] as const;

/**
 * Without trust, keys are made: beside the flash file, so that the meter's next start finds them, or in a new folder of their own.
 *
 * @throws CliError `usage` when a role has no key, or the device none; HostError for keys that cannot be read
 */
export function meterKeys(wish: KeyWish): MeterKeys {
  const { folders, ...trusted } = meterTrust(wish);
  return { ...trusted, deviceKey: deviceKeyOf(wish, folders) };
}

/** The same without a key of the device's own, for meters that have theirs from elsewhere. */
export function meterTrust(
  wish: Pick<KeyWish, 'trust' | 'flashPath'>,
): Omit<MeterKeys, 'deviceKey'> & { readonly folders: readonly string[] } {
  const folders = wish.trust.filter(({ role, path }) => role === 'bench' && isDirectory(path)).map(({ path }) => path);
  if (wish.trust.length === 0) folders.push(ownFolder(wish.flashPath));
  const files = wish.trust.filter(({ path }) => !folders.includes(path));
  const anchors = [
    ...folders.flatMap(anchorsIn),
    ...files.map(({ role, path }) => ({ role, publicKey: loadPublicKey(path) })),
  ];
  const isBench = anchors.some(({ role }) => role === 'bench');
  const missing = TRUST_ROLES.find((role) => !isBench && !anchors.some((anchor) => anchor.role === role));
  if (missing !== undefined)
    throw new CliError('usage', `the meter would trust no ${missing}; add --trust ${missing}=PEM`);
  return { anchors, folders, folder: wish.trust.length === 0 ? folders[0] : undefined, isBench };
}

function ownFolder(flashPath: string | undefined): string {
  const folder = flashPath === undefined ? mkdtempSync(join(tmpdir(), 'smets1-keys-')) : `${flashPath}.keys`;
  if (flashPath !== undefined && existsSync(flashPath) && !existsSync(folder)) {
    throw new CliError(
      'usage',
      `${flashPath} is there already; name the keys that its meter was made with: --trust DIR`,
    );
  }
  if (flashPath !== undefined && !isDirectory(dirname(flashPath))) {
    throw new CliError('file-missing', `there is no directory ${dirname(flashPath)}; make it first`);
  }
  if (!existsSync(privateKeyPath(folder, 'device'))) makeKeyFolder(folder);
  return folder;
}

function anchorsIn(folder: string): readonly TrustAnchor[] {
  return TRUST_ROLES.map((role) => ({ role, publicKey: loadPublicKey(publicKeyPath(folder, role)) }));
}

function deviceKeyOf({ deviceKeyPath }: KeyWish, folders: readonly string[]): PrivateKey {
  if (deviceKeyPath !== undefined) return loadPrivateKey(deviceKeyPath);
  const [folder] = folders;
  if (folder !== undefined) return loadPrivateKey(privateKeyPath(folder, 'device'));
  throw new CliError('usage', 'the meter has no key of its own to sign with; add --device-key PEM');
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
