import { EventEmitter } from 'node:events';
import { read } from 'node:fs';
import { promisify } from 'node:util';
import type { BindingInterface, BindingPortInterface } from '@serialport/bindings-interface' with {
  'resolution-mode': 'require',
};
import { LinkError } from '../link.js';

const PACKAGE = '@serialport/bindings-cpp';

/**
 * The binding to real ports. Loaded on first use: it is an optional dependency with native code, and whoever flashes
 * over a WebSocket needs none of it.
 *
 * @param load - Gives the binding of this system.
 * @throws LinkError `not-found` that names the package when it is not installed or has no build for this system.
 */
export async function systemBinding(load: () => Promise<BindingInterface> = loadNative): Promise<BindingInterface> {
  const binding = await load().catch((cause: unknown) => {
    throw missing(cause);
  });
  return {
    list: async () => await binding.list(),
    open: async (options) => {
      const port = await binding.open(options);
      return isUnixPort(port) ? endsOnHangUp(watchesBothWays(port)) : port;
    },
  };
}

async function loadNative(): Promise<BindingInterface> {
  const { autoDetect } = await import('@serialport/bindings-cpp');
  return autoDetect();
}

function missing(cause: unknown): LinkError {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND') {
    return new LinkError('not-found', `real serial ports need ${PACKAGE}; install it: npm install ${PACKAGE}`, {
      cause,
    });
  }
  const text = `${PACKAGE} has no working build for ${process.platform} on ${process.arch}; use a WebSocket link instead`;
  return new LinkError('not-found', text, { cause });
}

/** What the Unix ports of bindings-cpp have beyond the interface. */
interface UnixPort extends BindingPortInterface {
  readonly fd: number | null;
  readonly poller: UnixPoller;
}

type PollEvent = 'readable' | 'writable' | 'disconnect';

interface UnixPoller extends EventEmitter {
  once(event: PollEvent, callback: (error: Error | null) => void): this;
  /** Watches for these events and, from then on, for no others. */
  poll(eventFlags: number): void;
}

function isUnixPort(port: BindingPortInterface): port is UnixPort {
  return 'fd' in port && 'poller' in port;
}

/** What `uv_poll_start` calls them. */
const POLL_FLAGS: Readonly<Record<PollEvent, number>> = { readable: 1, writable: 2, disconnect: 4 };

/**
 * Replaces the poller's `once`. The one of bindings-cpp watches only for what was asked last: who reads would take the watch from who
 * waits to write, and that write would rest until the other end speaks, which may be waiting for just this write.
 */
function watchesBothWays(port: UnixPort): UnixPort {
  const { poller } = port;
  poller.once = (event, callback) => {
    EventEmitter.prototype.once.call(poller, event, callback);
    const awaited = Object.entries(POLL_FLAGS).filter(([name]) => poller.listenerCount(name) > 0);
    poller.poll(awaited.reduce((flags, [, flag]) => flags | flag, 0));
    return poller;
  };
  return port;
}

const readFd = promisify(read);

/**
 * Replaces the port's `read`. A terminal that was hung up reads as zero octets for ever, and bindings-cpp
 * answers zero by reading again at once: an unplug in the middle of a transfer would never be told, and a core would
 * spin. On a raw, non-blocking port zero octets mean nothing else, so here they are a lost device.
 */
function endsOnHangUp(port: UnixPort): UnixPort {
  port.read = async (buffer, offset, length) => {
    for (;;) {
      if (port.fd === null) throw canceled();
      try {
        const { bytesRead } = await readFd(port.fd, buffer, offset, length, null);
        if (bytesRead === 0) throw hungUp();
        return { buffer, bytesRead };
      } catch (error) {
        if (!isNothingYet(error)) throw error;
      }
      if (!port.isOpen) throw canceled();
      await new Promise<void>((resolve, reject) => {
        port.poller.once('readable', (error) => (error === null ? resolve() : reject(error)));
      });
    }
  };
  return port;
}

function isNothingYet(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'EAGAIN' || error.code === 'EWOULDBLOCK' || error.code === 'EINTR';
}

function hungUp(): Error {
  return Object.assign(new Error('the terminal was hung up'), { code: 'ENXIO' });
}

/** The flag by which the stream knows that its own close ended the read. */
function canceled(): Error {
  return Object.assign(new Error('the port was closed'), { canceled: true });
}
