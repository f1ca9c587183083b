/** Records in a key-value bucket: each write names the revision that it was made over. */
import { JetStreamApiCodes } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import { LIST_MS_MAX, READS_AT_A_TIME_MAX } from '../limits.js';
import { decodeRecord, encodeRecord, type JobRecord } from './job-record.js';
import { ask, type NatsSession } from './nats-session.js';
import { apiCodeOf } from './nats-fault.js';
import type { Held, JobStates } from './work-ports.js';

const BUCKET = 'smets1-updates';

/** @throws {@link WorkError} `stream-missing`, or as any call */
export async function ensureStates(session: NatsSession, create: boolean): Promise<KV> {
  const buckets = new Kvm(session.js);
  return await ask(session, async () => {
    if (create) return await buckets.create(BUCKET, { history: 1 });
    const bucket = await buckets.open(BUCKET);
    await bucket.status();
    return bucket;
  });
}

export function jetstreamStates(session: NatsSession, bucket: KV): JobStates {
  const written = async (write: () => Promise<number>): Promise<number | undefined> =>
    await ask(session, async () => {
      try {
        return await write();
      } catch (error) {
        if (apiCodeOf(error) === JetStreamApiCodes.StreamWrongLastSequence) return undefined;
        throw error;
      }
    });
  const read = async (key: string): Promise<Held | undefined> => {
    const entry = await ask(session, async () => await bucket.get(key));
    if (entry === null || entry.operation !== 'PUT') return undefined;
    return { record: decodeRecord(entry.value, key), revision: entry.revision };
  };
  return {
    read,
    create: async (key, record) => await written(async () => await bucket.create(key, encodeRecord(record))),
    update: async (key, record, revision) =>
      await written(async () => await bucket.update(key, encodeRecord(record), revision)),
    list: (campaignId) => list(session, read, campaignId),
  };
}

/**
 * The keys first, all as of one moment, and then each record as it is when its turn comes. The library's way of streaming a bucket leaves
 * out, or waits for, a record that is written while it is on its way.
 */
async function* list(
  session: NatsSession,
  read: JobStates['read'],
  campaignId: string | undefined,
): AsyncGenerator<JobRecord> {
  const prefix = `$KV.${BUCKET}.`;
  const filter = `${prefix}${campaignId === undefined ? '' : `${campaignId}.`}>`;
  const { state } = await ask(
    session,
    async () => await session.manager.streams.info(`KV_${BUCKET}`, { subjects_filter: filter }),
    LIST_MS_MAX,
  );
  const keys = Object.keys(state.subjects ?? {}).map((subject) => subject.slice(prefix.length));
  for (let at = 0; at < keys.length; at += READS_AT_A_TIME_MAX) {
    const some = keys.slice(at, at + READS_AT_A_TIME_MAX);
    const held = await Promise.all(some.map(async (key) => await read(key)));
    for (const one of held) if (one !== undefined) yield one.record;
  }
}
