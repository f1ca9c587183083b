/** Packages in an object store, each under its own SHA-256. */
import { Objm, type ObjectStore } from '@nats-io/obj';
import { PACKAGE_BYTES_MAX } from '@smets1/protocol';
import { PACKAGE_MS_MAX } from '../limits.js';
import { packageDigestWrong, packageMissing } from './error.js';
import { ask, type NatsSession } from './nats-session.js';
import { packageDigest } from './update-job.js';
import type { PackageStore } from './work-ports.js';

const STORE = 'smets1-packages';

/** @throws {@link WorkError} `stream-missing`, or as any call */
export async function ensurePackages(session: NatsSession, create: boolean): Promise<ObjectStore> {
  const stores = new Objm(session.js);
  return await ask(session, async () => {
    if (create) return await stores.create(STORE);
    const store = await stores.open(STORE);
    await store.status();
    return store;
  });
}

export function jetstreamPackages(session: NatsSession, store: ObjectStore): PackageStore {
  return {
    put: async (octets) => {
      const digest = packageDigest(octets);
      const info = await ask(session, async () => await store.info(digest));
      // The server's own digest says whether it holds what we would send.
      if (info === null || info.deleted || info.digest !== serverDigest(digest))
        await ask(session, async () => await store.putBlob({ name: digest }, octets), PACKAGE_MS_MAX);
      return digest;
    },
    get: async (digest) => {
      const info = await ask(session, async () => await store.info(digest));
      if (info === null || info.deleted) throw packageMissing(digest);
      if (info.size > PACKAGE_BYTES_MAX) throw packageDigestWrong(digest);
      const octets = await ask(session, async () => await store.getBlob(digest), PACKAGE_MS_MAX);
      if (octets === null) throw packageMissing(digest);
      // Whoever can write to the server can write anything under any name.
      if (packageDigest(octets) !== digest) throw packageDigestWrong(digest);
      return new Uint8Array(octets);
    },
  };
}

function serverDigest(digest: string): string {
  return `SHA-256=${Buffer.from(digest, 'hex').toString('base64url')}=`;
}
