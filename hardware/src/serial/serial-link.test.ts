import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { BindingInterface, BindingPortInterface } from '@serialport/bindings-interface' with {
  'resolution-mode': 'require',
};
import type { MockBindingInterface, MockPortBinding } from '@serialport/binding-mock' with {
  'resolution-mode': 'require',
};
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeLink } from '../link.conformance.js';
import type { Link } from '../link.js';
import { listSerialPorts } from './list-serial-ports.js';
import { ptyPair, type PtyPair } from './pty-pair.js';
import { openSerial } from './serial-link.js';
import { systemBinding } from './system-binding.js';

const require = createRequire(import.meta.url);

describeLink('serial over a pair of pseudo terminals', {
  framing: 'stream',
  peerSeesClose: false,
  open: async () => {
    const pair = await ptyPair();
    const [a, b] = [await openSerial({ path: pair.a }), await openSerial({ path: pair.b })];
    return { a, b, unplug: pair.close, cleanUp: pair.close };
  },
});

describe('an open serial port', () => {
  let pair: PtyPair;
  beforeEach(async () => {
    pair = await ptyPair();
  });
  afterEach(async () => {
    await pair.close();
  });

  it('tells its rate at ten bits an octet', async () => {
    const link = await openSerial({ path: pair.a, baudRate: 9600 });
    expect(link.capabilities).toEqual({ framing: 'stream', octetsPerSecond: 960 });
    expect(link.label).toBe(`serial:${pair.a}?baud=9600`);
    await link.close();
  });

  it('is busy for this process', async () => {
    const link = await openSerial({ path: pair.a });
    await expect(openSerial({ path: pair.a })).rejects.toMatchObject({ code: 'busy' });
    await link.close();
    await (await openSerial({ path: pair.a })).close();
  });

  it('is busy for another process, whoever runs it, and free once the holder was killed', async () => {
    const holder = await openElsewhere(pair.a);
    expect(holder.said).toBe('open');
    await expect(openSerial({ path: pair.a })).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringContaining(pair.a),
    });
    await holder.kill();
    const link = await openSerial({ path: pair.a });
    const second = await openElsewhere(pair.a);
    expect(second.said).toMatch(/cannot lock port/i);
    await link.close();
  });

  it('survives that the other end is closed and opened again', async () => {
    const [a, b] = [await openSerial({ path: pair.a }), await openSerial({ path: pair.b })];
    await b.close();
    const again = await openSerial({ path: pair.b });
    a.send(Uint8Array.of(42));
    expect(await firstOctets(again)).toEqual([42]);
    await Promise.all([a.close(), again.close()]);
  });
});

describe('a serial port whose line is full', () => {
  it('goes on writing when there is room again, also when it heard something meanwhile', async () => {
    // Not our pair: what joins its two ends stops both ways when one of them is full.
    const far = await farEnd();
    const link = await openSerial({ path: far.path });
    const heard = firstOctets(link);
    link.send(new Uint8Array(FILLS_THE_LINE_BYTES));
    await settled(() => link.bufferedBytes);
    expect(link.bufferedBytes).toBeGreaterThan(0);
    far.tell('speak');
    expect(await heard).toEqual([7]);
    // From here on the far end only takes.
    far.tell(`take ${FILLS_THE_LINE_BYTES}`);
    await settled(() => link.bufferedBytes);
    expect(link.bufferedBytes).toBe(0);
    await link.close();
    await far.kill();
  });
});

/** More than a pseudo terminal holds. */
const FILLS_THE_LINE_BYTES = 200_000;

/** The other end of a pseudo terminal, without anything between: says one octet, or takes some, when it is told to. */
async function farEnd(): Promise<{ readonly path: string; tell(what: string): void; kill(): Promise<void> }> {
  const script = `
import os, pty, sys, tty
far, near = pty.openpty()
tty.setraw(near)
print(os.ttyname(near), flush=True)
for line in sys.stdin:
    what, *count = line.split()
    if what == 'speak':
        os.write(far, bytes([7]))
    left = int(count[0]) if count else 0
    while left > 0:
        left -= len(os.read(far, 65536))`;
  const process = spawn('/usr/bin/python3', ['-u', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(process, 'exit');
  const [path] = (await once(process.stdout.setEncoding('utf8'), 'data')) as [string];
  return {
    path: path.trim(),
    tell: (what) => void process.stdin.write(`${what}\n`),
    kill: async () => {
      process.kill('SIGKILL');
      await ended;
    },
  };
}

/** Resolves once a value has stayed the same for a while. */
async function settled(value: () => number): Promise<void> {
  for (let last = Number.NaN, times = 0; times < 5;) {
    await setTimeout(20);
    const now = value();
    times = now === last ? times + 1 : 0;
    last = now;
  }
}

describe('openSerial', () => {
  it('says not-found for a port that is not there', async () => {
    await expect(openSerial({ path: '/dev/smets1-no-such-port' })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('says io for a file that is no serial port', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'smets1-test-'));
    const path = join(directory, 'file');
    await writeFile(path, 'x');
    await expect(openSerial({ path })).rejects.toMatchObject({ code: 'io', message: expect.stringContaining(path) });
    await rm(directory, { recursive: true });
  });

  it.each([0, -9600, 12.5, Number.NaN, 5_000_000])('refuses the rate %d', async (baudRate) => {
    await expect(openSerial({ path: '/dev/null', baudRate })).rejects.toMatchObject({ code: 'bad-address' });
  });

  it('works over the mock binding of the SerialPort family', async () => {
    const { MockBinding } = require('@serialport/binding-mock') as { MockBinding: MockBindingInterface };
    let opened: MockPortBinding | undefined;
    const binding = {
      list: async () => await MockBinding.list(),
      open: async (options: Parameters<MockBindingInterface['open']>[0]): Promise<BindingPortInterface> => {
        opened = await MockBinding.open(options);
        return opened;
      },
    };
    MockBinding.createPort('/dev/mock', { echo: true });
    const link = await openSerial({ path: '/dev/mock', binding });
    link.send(Uint8Array.of(1, 2, 3));
    expect(await firstOctets(link)).toEqual([1, 2, 3]);
    await expect(openSerial({ path: '/dev/mock', binding })).rejects.toMatchObject({ code: 'busy' });
    await expect(openSerial({ path: '/dev/none', binding })).rejects.toMatchObject({ code: 'not-found' });
    await link.close();
    expect(opened!.isOpen).toBe(false);
  });
});

describe('the binding to real ports', () => {
  it('names the package to install when it is missing', async () => {
    const load = async (): Promise<BindingInterface> => {
      const absent = '@serialport/smets1-no-such-package';
      return (await import(absent)) as BindingInterface;
    };
    await expect(systemBinding(load)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('npm install @serialport/bindings-cpp'),
    });
  });

  it('says so when the package is there but has nothing for this machine', async () => {
    const load = async (): Promise<BindingInterface> => await Promise.reject(new Error('No native build was found'));
    await expect(systemBinding(load)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining(process.arch),
    });
  });
});

describe('ptyPair', () => {
  it('names the line that installs socat when it is missing', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '/nowhere';
    try {
      await expect(ptyPair()).rejects.toMatchObject({
        code: 'not-found',
        message: expect.stringContaining('apt-get install -y socat'),
      });
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('refuses paths that mean something else to socat, and paths that are taken', async () => {
    await expect(ptyPair({ a: '/tmp/x,link=/etc/passwd' })).rejects.toMatchObject({ code: 'bad-address' });
    await expect(ptyPair({ a: tmpdir() })).rejects.toMatchObject({ code: 'busy' });
  });

  it('puts the ends where it is told, and takes them away', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'smets1-test-'));
    const pair = await ptyPair({ a: join(directory, 'head'), b: join(directory, 'meter') });
    const link = await openSerial({ path: join(directory, 'meter') });
    const closed = new Promise((resolve) => link.onClose((reason) => resolve(reason.kind)));
    await pair.close();
    await pair.close();
    expect(await closed).toBe('remote');
    await expect(openSerial({ path: pair.a })).rejects.toMatchObject({ code: 'not-found' });
    await rm(directory, { recursive: true });
  });
});

describe('listSerialPorts', () => {
  const port = (path: string, rest = {}) => ({
    path,
    manufacturer: undefined,
    serialNumber: undefined,
    pnpId: undefined,
    locationId: undefined,
    productId: undefined,
    vendorId: undefined,
    ...rest,
  });
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'smets1-test-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  it('gives what the system describes, without what it does not know', async () => {
    const binding = { list: async () => [port('/dev/ttyUSB1', { vendorId: '0403' }), port('/dev/ttyS0')] };
    expect(await listSerialPorts({ binding, byIdDirectory: directory })).toEqual([
      { path: '/dev/ttyS0' },
      { path: '/dev/ttyUSB1', vendorId: '0403' },
    ]);
  });

  it('falls back to the stable names where the system cannot describe its ports', async () => {
    await writeFile(join(directory, 'ttyUSB7'), '');
    await symlink(join(directory, 'ttyUSB7'), join(directory, 'usb-FTDI_cable'));
    await symlink(join(directory, 'gone'), join(directory, 'usb-unplugged'));
    const binding = { list: async () => await Promise.reject(new Error('spawn udevadm ENOENT')) };
    const ports = await listSerialPorts({ binding, byIdDirectory: directory });
    expect(ports).toContainEqual({ path: join(directory, 'ttyUSB7'), stablePath: join(directory, 'usb-FTDI_cable') });
    expect(ports.map((found) => found.stablePath)).not.toContain(join(directory, 'usb-unplugged'));
  });

  it('works on this machine, with udevadm or without', async () => {
    expect(Array.isArray(await listSerialPorts())).toBe(true);
  });
});

async function firstOctets(link: Link): Promise<readonly number[]> {
  return await new Promise((resolve) => link.onReceive((octets) => resolve([...octets])));
}

/** Another process that tries to open the port as we do, and holds it until it is killed. */
async function openElsewhere(path: string): Promise<{ readonly said: string; kill(): Promise<void> }> {
  const script = `
    const { autoDetect } = require(${JSON.stringify(require.resolve('@serialport/bindings-cpp'))});
    autoDetect().open({ path: ${JSON.stringify(path)}, baudRate: 115200, lock: true })
      .then(() => { console.log('open'); setInterval(() => {}, 1000); }, (error) => console.log(error.message));`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const said = await new Promise<string>((resolve) =>
    child.stdout.once('data', (text) => resolve(String(text).trim())),
  );
  return {
    said,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
