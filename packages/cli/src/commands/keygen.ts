import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { generateKeyPair } from '@smets1/host';
import { checkOutput, makeFolder, writeOutput } from '../files/output-file.js';
import { hex } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { pathFrom } from '../shell.js';

const ROLES = ['manufacturer', 'supplier', 'dco', 'device'] as const;

/** Makes the four key pairs, all of them or none. */
export function keygen(job: Job, _: CommonFlags, directory: string): Finish {
  const folder = pathFrom(job.shell, directory);
  makeFolder(folder, 0o700);
  const encoder = new TextEncoder();
  const pairs = ROLES.map((role) => ({ role, pair: generateKeyPair() }));
  const files = pairs.flatMap(({ role, pair }) => [
    { path: join(folder, `${role}.key.pem`), octets: encoder.encode(pair.privatePem), mode: 0o600 },
    { path: join(folder, `${role}.pub.pem`), octets: encoder.encode(pair.publicPem), mode: 0o644 },
  ]);
  // A key that was overwritten is gone for good, so there is no --force here.
  for (const { path } of files) checkOutput(path, { force: false });
  const written: string[] = [];
  try {
    for (const { path, octets, mode } of files) {
      writeOutput(path, octets, { force: false, mode });
      written.push(path);
    }
  } catch (error) {
    for (const path of written) rmSync(path, { force: true });
    throw error;
  }
  return {
    ok: true,
    fields: {
      directory: folder,
      publicKeys: Object.fromEntries(pairs.map(({ role, pair }) => [role, hex(pair.publicKey)])),
    },
    text: `made keys of ${ROLES.join(', ')} in ${directory}; keep the .key.pem files to yourself`,
  };
}
