/** Records in a key-value bucket: each write names the revision that it was made over. */
import { JetStreamApiCodes } from '@nats-io/jetstream';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import { decodeRecord, encodeRecord, type JobRecord } from './job-record.js';
import { ask, type NatsSession } from './nats-session.js';
import { apiCodeOf } from './nats-fault.js';
import type { JobStates } from './work-ports.js';

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
  return {
    read: async (key) => {
      const entry = await ask(session, async () => await bucket.get(key));
      if (entry === null || entry.operation !== 'PUT') return undefined;
      return { record: decodeRecord(entry.value, key), revision: entry.revision };
    },
    create: async (key, record) => await written(async () => await bucket.create(key, encodeRecord(record))),
    update: async (key, record, revision) =>
      await written(async () => await bucket.update(key, encodeRecord(record), revision)),
    list: (campaignId) => list(session, bucket, campaignId),
  };
}

async function* list(session: NatsSession, bucket: KV, campaignId: string | undefined): AsyncGenerator<JobRecord> {
  const key = campaignId === undefined ? '>' : `${campaignId}.>`;
  const entries = await ask(session, async () => await bucket.history({ key }));
  const iterator: AsyncIterator<KvEntry, unknown> = entries[Symbol.asyncIterator]();
  for (;;) {
    const next = await ask(session, async () => await iterator.next());
    if (next.done === true) return;
    const entry = next.value;
    if (entry.operation === 'PUT') yield decodeRecord(entry.value, entry.key);
  }
}
