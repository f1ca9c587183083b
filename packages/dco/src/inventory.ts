/** Which meters there are: `{ "devices": [ { "deviceId", "address", "publicKeyPem" or "publicKeyPath" } … ] }`. */
import { createPublicKey } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import { DcoError } from './error.js';
import { canonicalDeviceId } from './identifiers.js';
import { INVENTORY_BYTES_MAX, INVENTORY_DEVICES_MAX } from './limits.js';

export interface InventoryDevice {
  /** In upper case with dashes. */
  readonly deviceId: string;
  /** What `MeterLinks` makes of it is its own affair. */
  readonly address: string;
  /** 65 octets; absent: outcomes of this meter cannot be attested. */
  readonly publicKey: Uint8Array | undefined;
}

export interface Inventory {
  readonly devices: ReadonlyMap<string, InventoryDevice>;
}

const ENTRY = v.strictObject({
  deviceId: v.string(),
  address: v.pipe(v.string(), v.minLength(1)),
  publicKeyPem: v.optional(v.string()),
  publicKeyPath: v.optional(v.string()),
});
const FILE = v.strictObject({ devices: v.array(v.unknown()) });

/**
 * Reads an inventory file; key paths in it are relative to the file.
 *
 * @throws {@link DcoError} `inventory-not-found`, `inventory-format` (names the entry that is wrong).
 */
export function loadInventory(path: string): Inventory {
  let text: string;
  try {
    if (statSync(path).size > INVENTORY_BYTES_MAX) throw format(path, `has more than ${INVENTORY_BYTES_MAX} octets`);
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof DcoError) throw cause;
    throw new DcoError('inventory-not-found', `the inventory ${path} cannot be read; check the path`, { cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DcoError(
      'inventory-format',
      `the inventory ${path} is no JSON: ${cause instanceof Error ? cause.message : ''}`,
      { cause },
    );
  }
  return inventoryOf(json, path, dirname(resolve(path)));
}

/** @param name - For messages. @param folder - Where key paths begin. @throws {@link DcoError} `inventory-format`. */
export function inventoryOf(json: unknown, name: string, folder: string): Inventory {
  const file = v.safeParse(FILE, json);
  if (!file.success) throw format(name, `is not { "devices": [ … ] }: ${file.issues[0].message}`);
  if (file.output.devices.length > INVENTORY_DEVICES_MAX)
    throw format(name, `has more than ${INVENTORY_DEVICES_MAX} devices`);
  const devices = new Map<string, InventoryDevice>();
  for (const [i, given] of file.output.devices.entries()) {
    const where = `devices[${i}]`;
    const entry = v.safeParse(ENTRY, given);
    if (!entry.success) {
      const [issue] = entry.issues;
      throw format(name, `${where}: ${v.getDotPath(issue) ?? 'entry'}: ${issue.message}`);
    }
    const deviceId = canonicalDeviceId(entry.output.deviceId);
    if (deviceId === undefined)
      throw format(name, `${where}: deviceId "${entry.output.deviceId}" is not eight pairs of hex digits with dashes`);
    if (devices.has(deviceId)) throw format(name, `${where}: device ${deviceId} is there twice`);
    devices.set(deviceId, {
      deviceId,
      address: entry.output.address,
      publicKey: keyOf(entry.output, name, where, folder),
    });
  }
  return { devices };
}

function keyOf(
  entry: v.InferOutput<typeof ENTRY>,
  name: string,
  where: string,
  folder: string,
): Uint8Array | undefined {
  const { publicKeyPem, publicKeyPath } = entry;
  if (publicKeyPem !== undefined && publicKeyPath !== undefined)
    throw format(name, `${where}: has both publicKeyPem and publicKeyPath; one is enough`);
  if (publicKeyPem === undefined && publicKeyPath === undefined) return undefined;
  try {
    const pem = publicKeyPem ?? readFileSync(resolve(folder, publicKeyPath ?? ''), 'utf8');
    if (pem.includes('PRIVATE')) throw new Error('it is a private key');
    const { crv, x, y } = createPublicKey(pem).export({ format: 'jwk' });
    if (crv !== 'P-256' || x === undefined || y === undefined) throw new Error('it is no P-256 key');
    return new Uint8Array(Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    throw new DcoError('inventory-format', `inventory ${name}: ${where}: the public key cannot be used: ${why}`, {
      cause,
    });
  }
}

function format(name: string, what: string): DcoError {
  return new DcoError('inventory-format', `inventory ${name}: ${what}`);
}
