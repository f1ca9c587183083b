import { KEY_ROLES, makeKeyFolder } from '../keys/key-folder.js';
import { hex } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { pathFrom } from '../shell.js';

export function keygen(job: Job, _: CommonFlags, directory: string): Finish {
  const folder = pathFrom(job.shell, directory);
  const pairs = makeKeyFolder(folder);
  const publicKeys = Object.fromEntries([...pairs].map(([role, { publicKey }]) => [role, hex(publicKey)]));
  return {
    ok: true,
    fields: { directory: folder, publicKeys },
    text: `made keys of ${KEY_ROLES.join(', ')} in ${directory}; keep the .key.pem files to yourself`,
  };
}
