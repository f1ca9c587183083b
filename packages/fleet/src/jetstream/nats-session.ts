import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { SERVER_MS_MAX } from '../limits.js';
import { WorkError } from './error.js';
import { asked, unreachable } from './nats-fault.js';

/** What the parts of the adapter share. */
export interface NatsSession {
  readonly server: string;
  readonly connection: NatsConnection;
  readonly js: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly leaseMs: number;
  readonly onRefused: (detail: string) => void;
  /** Whether there is a connection at this moment. What is asked without one would only wait, and come late. */
  readonly isConnected: () => boolean;
}

/** Runs one call of an adapter, bounded in time; at once refused while there is no connection. @throws {@link WorkError} */
export async function ask<T>(session: NatsSession, call: () => Promise<T>, msMax: number = SERVER_MS_MAX): Promise<T> {
  if (session.connection.isClosed()) throw new WorkError('closed', 'the connection to the queue is closed');
  if (!session.isConnected()) throw unreachable(session.server, 'the connection is down; it is being made again');
  return await asked(session.server, call, msMax);
}
