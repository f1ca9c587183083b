/** The keys that a command was told to trust. */
import { loadPublicKey } from '@smets1/host';
import type { TrustAnchors } from '@smets1/protocol';
import { CliError } from './errors.js';
import type { TrustedKeyFile } from './flags/values.js';
import type { Job } from './run-command.js';
import { pathFrom } from './shell.js';

type TrustRole = keyof TrustAnchors;

/**
 * Reads the keys of `files`; a bare one is taken for every role, and that is said.
 *
 * @param needed - Roles without which nothing can be checked.
 * @throws {@link CliError} `usage` for a role without a key; HostError for a key that cannot be read
 */
export function loadTrust(job: Job, files: readonly TrustedKeyFile[], needed: readonly TrustRole[]): TrustAnchors {
  const keys: Record<TrustRole, Uint8Array[]> = { manufacturer: [], supplier: [], dco: [] };
  for (const { role, path } of files) {
    const publicKey = loadPublicKey(pathFrom(job.shell, path));
    if (role === 'bench') {
      job.report.warn(
        `bench trust: ${path} is taken for every role; name the roles (supplier=${path}) where it matters`,
      );
      for (const every of Object.values(keys)) every.push(publicKey);
    } else {
      keys[role].push(publicKey);
    }
  }
  const missing = needed.find((role) => keys[role].length === 0);
  if (missing !== undefined) throw new CliError('usage', `no ${missing} key is trusted; add --trust ${missing}=PEM`);
  return keys;
}
