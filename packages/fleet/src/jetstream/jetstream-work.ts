/** The work queue on NATS JetStream, for workers on as many machines as there are. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import {
  LEASE_MS_DEFAULT,
  LEASE_MS_MAX,
  LEASE_MS_MIN,
  SERVER_BACK_OFF_MS,
  SERVER_MS_MAX,
  SERVER_PING_MS,
  SERVER_PINGS_LOST_MAX,
} from '../limits.js';
import { WorkError } from './error.js';
import { ensurePackages, jetstreamPackages } from './jetstream-packages.js';
import { ensureQueue, jetstreamQueue } from './jetstream-queue.js';
import { ensureStates, jetstreamStates } from './jetstream-states.js';
import { asked, jetstreamOff, workErrorOf } from './nats-fault.js';
import type { NatsSession } from './nats-session.js';
import type { UpdateWork } from './work-ports.js';

export interface JetstreamWorkOptions {
  /** `nats://HOST:PORT` */
  readonly server: string;
  readonly token?: string;
  /** Makes queue, records and package store where they are not. Without it a server that lacks them is `stream-missing`. */
  readonly create: boolean;
  /** Of a site that nobody took a job for before; what the server knows counts after that. {@link LEASE_MS_DEFAULT} */
  readonly leaseMs?: number;
  /** Told of what lies in the queue and is no job; it is removed. */
  readonly onRefused?: (detail: string) => void;
}

/** The oldest server that the tests run on. */
export const SERVER_VERSION_MIN = '2.9.10';

/**
 * Connects; later the connection is made again by itself, and calls meanwhile reject with `server-unreachable`.
 *
 * @throws {@link WorkError} `server-unreachable`, `server-refused`, `server-too-old`, `jetstream-off`, `stream-missing`, `stream-differs`,
 * `misuse` for a lease out of its bounds
 */
export async function openJetstreamWork(options: JetstreamWorkOptions): Promise<UpdateWork> {
  const { server, token } = options;
  const leaseMs = options.leaseMs ?? LEASE_MS_DEFAULT;
  if (leaseMs < LEASE_MS_MIN || leaseMs > LEASE_MS_MAX)
    throw new WorkError('misuse', `a lease lasts ${LEASE_MS_MIN} to ${LEASE_MS_MAX} ms, not ${leaseMs}`);
  const connection = await connected(server, token);
  try {
    const { version, jetstream: hasStreams } = connection.info ?? { version: '0', jetstream: false };
    if (isOlder(version, SERVER_VERSION_MIN)) {
      throw new WorkError(
        'server-too-old',
        `${server} runs nats-server ${version}; at least ${SERVER_VERSION_MIN} is needed (Debian 12 has it)`,
      );
    }
    if (hasStreams !== true) throw jetstreamOff(server);
    const session = await sessionOf(connection, options, leaseMs);
    await ensureQueue(session, options.create);
    const bucket = await ensureStates(session, options.create);
    const store = await ensurePackages(session, options.create);
    return {
      queue: jetstreamQueue(session),
      states: jetstreamStates(session, bucket),
      packages: jetstreamPackages(session, store),
      close: async () => await connection.close(),
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function connected(server: string, token: string | undefined): Promise<NatsConnection> {
  try {
    return await connect({
      servers: server,
      ...(token === undefined ? {} : { token }),
      name: 'smets1',
      timeout: SERVER_MS_MAX,
      // A worker outlives its server; it waits for as long as it takes.
      maxReconnectAttempts: -1,
      reconnectTimeWait: SERVER_BACK_OFF_MS,
      // A line that is cut without a word is noticed within the time that a lease lasts.
      pingInterval: SERVER_PING_MS,
      maxPingOut: SERVER_PINGS_LOST_MAX,
      ignoreClusterUpdates: true,
    });
  } catch (error) {
    throw workErrorOf(server, error);
  }
}

async function sessionOf(
  connection: NatsConnection,
  { server, onRefused }: JetstreamWorkOptions,
  leaseMs: number,
): Promise<NatsSession> {
  let isConnected = true;
  const watch = async (): Promise<void> => {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') isConnected = false;
      if (type === 'reconnect') isConnected = true;
    }
  };
  void watch();
  const options = { timeout: SERVER_MS_MAX };
  return {
    server,
    connection,
    js: jetstream(connection, options),
    // The account is asked for below, by the first thing that is wanted of it.
    manager: await asked(server, async () => await jetstreamManager(connection, { ...options, checkAPI: false })),
    leaseMs,
    onRefused: onRefused ?? (() => undefined),
    isConnected: () => isConnected && !connection.isClosed(),
  };
}

function isOlder(version: string, than: string): boolean {
  const numbers = (text: string): readonly number[] => text.split('.', 3).map((part) => Number.parseInt(part, 10) || 0);
  const [one, other] = [numbers(version), numbers(than)];
  for (const [index, wanted] of other.entries()) {
    const has = one[index] ?? 0;
    if (has !== wanted) return has < wanted;
  }
  return false;
}
