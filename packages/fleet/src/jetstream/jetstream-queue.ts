/** Jobs as messages of one stream: a subject holds at most one, and what is acknowledged is gone. */
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type ConsumerInfo,
  type StreamConfig,
} from '@nats-io/jetstream';
import { millis, nanos, type Msg } from '@nats-io/transport-node';
import { DUPLICATE_WINDOW_MS, SERVER_MS_MAX, UNACKED_MAX } from '../limits.js';
import { ask, type NatsSession } from './nats-session.js';
import { API_CODE, apiCodeOf, streamDiffers, streamMissing, unreachable } from './nats-fault.js';
import { decodeJob, encodeJob, jobKey, type UpdateJob } from './update-job.js';
import type { Delivery, WorkQueue } from './work-ports.js';

const STREAM = 'SMETS1_UPDATES';
const SUBJECT = 'smets1.updates';

/** What a worker says about a message, as the server reads it. */
const WORD = { ack: '+ACK', progress: '+WPI', term: '+TERM' } as const;

const CONFIG = {
  subjects: [`${SUBJECT}.>`],
  retention: RetentionPolicy.Workqueue,
  storage: StorageType.File,
  // One message for each job and round, however often it is put: unlike the window of message ids this never ends.
  max_msgs_per_subject: 1,
  discard: DiscardPolicy.New,
  discard_new_per_subject: true,
  duplicate_window: nanos(DUPLICATE_WINDOW_MS),
} as const satisfies Partial<StreamConfig>;

/** @throws {@link WorkError} `stream-missing`, `stream-differs`, or as any call */
export async function ensureQueue(session: NatsSession, create: boolean): Promise<void> {
  const { manager, server } = session;
  const { config } = await ask(session, async () => {
    if (create) return await manager.streams.add({ name: STREAM, ...CONFIG });
    return await manager.streams.info(STREAM);
  });
  for (const name of ['retention', 'max_msgs_per_subject', 'discard', 'discard_new_per_subject'] as const)
    if (config[name] !== CONFIG[name])
      throw streamDiffers(server, `stream ${STREAM}: ${name} is ${String(config[name])}`);
}

export function jetstreamQueue(session: NatsSession): WorkQueue {
  const sites = new Map<string, ConsumerInfo>();
  /** What the server knows of a site counts: whoever came first decided how long a lease is. */
  const consumerOf = async (site: string): Promise<ConsumerInfo> => {
    const known = sites.get(site);
    if (known !== undefined) return known;
    const made = await ask(session, async () => await ensureConsumer(session, site));
    sites.set(site, made);
    return made;
  };
  return {
    put: async (job, round) => await put(session, job, round),
    take: async (site, waitMs) => {
      const consumer = await consumerOf(site);
      try {
        return await take(session, consumer, waitMs);
      } catch (error) {
        sites.delete(site); // made anew, should the server have lost it
        throw error;
      }
    },
    left: async (site) => {
      const name = consumerName(site);
      await consumerOf(site);
      const info = await ask(session, async () => await session.manager.consumers.info(STREAM, name));
      return info.num_pending + info.num_ack_pending;
    },
  };
}

async function put(session: NatsSession, job: UpdateJob, round: number): Promise<'entered' | 'there'> {
  return await ask(session, async () => {
    const id = `${jobKey(job)}.${round}`;
    try {
      const { duplicate } = await session.js.publish(`${SUBJECT}.${job.site}.${id}`, encodeJob(job, round), {
        msgID: id,
        timeout: SERVER_MS_MAX,
      });
      return duplicate ? 'there' : 'entered';
    } catch (error) {
      if (apiCodeOf(error) === API_CODE.subjectIsFull) return 'there';
      throw error;
    }
  });
}

function consumerName(site: string): string {
  return `site-${site}`;
}

async function ensureConsumer({ manager, leaseMs }: NatsSession, site: string): Promise<ConsumerInfo> {
  const name = consumerName(site);
  for await (const page of manager.consumers.list(STREAM)) if (page.name === name) return page;
  return await manager.consumers.add(STREAM, {
    durable_name: name,
    filter_subject: `${SUBJECT}.${site}.>`,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: nanos(leaseMs),
    // A meter that is away for long is no poison: how often it is tried is counted in its record.
    max_deliver: -1,
    max_ack_pending: UNACKED_MAX,
  });
}

/**
 * Asks for one message. Not through the library's iterators: those wait for a lost connection to come back, and a worker has to know at
 * once.
 */
async function take(session: NatsSession, consumer: ConsumerInfo, waitMs: number): Promise<Delivery | undefined> {
  const { connection, server, onRefused } = session;
  const expires = nanos(waitMs);
  const message = await ask(
    session,
    async () => {
      const request = JSON.stringify({ batch: 1, ...(waitMs > 0 ? { expires } : { no_wait: true }) });
      const subject = `$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${consumer.name}`;
      // An inbox of its own: a job keeps its subject on the way, and by that no shared inbox would know whose answer it is.
      return await connection.request(subject, request, { timeout: waitMs + SERVER_MS_MAX, noMux: true });
    },
    waitMs + SERVER_MS_MAX,
  );
  const status = message.headers?.code ?? 0;
  if (status === STATUS.none || status === STATUS.expired) return undefined;
  if (status === STATUS.conflict) throw streamMissing(server, message.headers?.description);
  const ackTo = message.reply ?? '';
  if (status !== 0 || !ackTo.startsWith('$JS.ACK.')) throw unreachable(server, `it answered with status ${status}`);
  const read = decodeJob(message.data);
  if (read.ok) return delivery(session, consumer, read, ackTo);
  await ask(session, async () => await tell(session, ackTo, WORD.term));
  onRefused(`${message.subject}: ${read.detail}`);
  return undefined;
}

const STATUS = { none: 404, expired: 408, conflict: 409 } as const;

function delivery(
  session: NatsSession,
  consumer: ConsumerInfo,
  { job, round }: { readonly job: UpdateJob; readonly round: number },
  ackTo: string,
): Delivery {
  return {
    job,
    round,
    attempt: attemptOf(ackTo),
    leaseMs: millis(consumer.config.ack_wait ?? 0),
    extend: async () => void (await ask(session, async () => await tell(session, ackTo, WORD.progress))),
    done: async () => void (await ask(session, async () => await tell(session, ackTo, WORD.ack))),
    later: (delayMs) => {
      if (!session.isConnected()) return;
      session.connection.publish(ackTo, delayMs > 0 ? `-NAK ${JSON.stringify({ delay: nanos(delayMs) })}` : '-NAK');
    },
  };
}

/** Resolves once the server has read it. */
async function tell({ connection }: NatsSession, ackTo: string, word: string): Promise<Msg> {
  return await connection.request(ackTo, word, { timeout: SERVER_MS_MAX });
}

/** `$JS.ACK.STREAM.CONSUMER.DELIVERED…`, or with a domain and an account before the stream. */
function attemptOf(ackTo: string): number {
  const tokens = ackTo.split('.');
  return Number(tokens[tokens.length > PLAIN_TOKENS ? DELIVERED_AT + 2 : DELIVERED_AT] ?? 1);
}

const PLAIN_TOKENS = 9;
const DELIVERED_AT = 4;
