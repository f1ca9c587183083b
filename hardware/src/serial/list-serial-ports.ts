import { readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { BindingInterface } from '@serialport/bindings-interface' with { 'resolution-mode': 'require' };
import { SERIAL_PORTS_MAX } from '../limits.js';
import { systemBinding } from './system-binding.js';

export interface SerialPortDescription {
  /** What `openSerial` takes. */
  readonly path: string;
  /** A path that stays the same when the device is plugged in elsewhere; take this one in scripts. */
  readonly stablePath?: string;
  readonly manufacturer?: string;
  readonly serialNumber?: string;
  /** USB ids, four hexadecimal digits. */
  readonly vendorId?: string;
  readonly productId?: string;
}

export interface ListOptions {
  readonly binding?: Pick<BindingInterface, 'list'>;
  /** Where the system keeps its stable names. */
  readonly byIdDirectory?: string;
}

/**
 * The serial ports of this machine, by path. Pseudo terminals are not among them.
 *
 * On Linux the binding asks `udevadm`, which small systems lack; then the names under `/dev/serial/by-id` must do,
 * without manufacturer and ids.
 *
 * @throws LinkError `not-found` when the package for real ports is missing.
 */
export async function listSerialPorts(options: ListOptions = {}): Promise<readonly SerialPortDescription[]> {
  const byIdDirectory = options.byIdDirectory ?? '/dev/serial/by-id';
  const binding = options.binding ?? (await systemBinding());
  const found = await binding.list().catch(() => []);
  const described = found.map((port) => withoutAbsent({ ...port, stablePath: stablePath(byIdDirectory, port.pnpId) }));
  const known = new Set(described.map((port) => port.path));
  const named = (await portsById(byIdDirectory)).filter((port) => !known.has(port.path));
  return [...described, ...named].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function stablePath(byIdDirectory: string, id: string | undefined): string | undefined {
  // Elsewhere than on Linux the id is no file name.
  return process.platform === 'linux' && id !== undefined ? join(byIdDirectory, id) : undefined;
}

async function portsById(directory: string): Promise<readonly SerialPortDescription[]> {
  const names = await readdir(directory).catch(() => []); // no such directory: no USB port is plugged in
  const ports = names.slice(0, SERIAL_PORTS_MAX).map(async (name) => {
    const link = join(directory, name);
    const path = await realpath(link).catch(() => undefined); // unplugged since
    return path === undefined ? [] : [{ path, stablePath: link }];
  });
  return (await Promise.all(ports)).flat();
}

function withoutAbsent(port: {
  readonly path: string;
  readonly stablePath: string | undefined;
  readonly manufacturer: string | undefined;
  readonly serialNumber: string | undefined;
  readonly vendorId: string | undefined;
  readonly productId: string | undefined;
}): SerialPortDescription {
  return {
    path: port.path,
    ...(port.stablePath === undefined ? {} : { stablePath: port.stablePath }),
    ...(port.manufacturer === undefined ? {} : { manufacturer: port.manufacturer }),
    ...(port.serialNumber === undefined ? {} : { serialNumber: port.serialNumber }),
    ...(port.vendorId === undefined ? {} : { vendorId: port.vendorId }),
    ...(port.productId === undefined ? {} : { productId: port.productId }),
  };
}
