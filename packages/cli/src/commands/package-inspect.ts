import { nodeCrypto } from '@smets1/host';
import { manifestDigest, PACKAGE_BYTES_MAX, readContainer, runTask } from '@smets1/protocol';
import { readInput } from '../files/input-file.js';
import { manifestFields, manifestRows } from '../output/describe.js';
import { counted, rows } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { notSound } from '../verdict.js';

/** Says what a package or part says of itself; structure and CRCs are checked, signatures are not. */
export function packageInspect(job: Job, _: CommonFlags, path: string): Finish {
  const octets = readInput(pathFrom(job.shell, path), 'the package', PACKAGE_BYTES_MAX);
  const read = readContainer(octets);
  if (!read.ok) return notSound(path, read.fault);
  const { kind, manifest, firstBlock, blocks } = read.value;
  const digest = runTask(manifestDigest(manifest), nodeCrypto());
  const lastBlock = firstBlock + blocks.length - 1;
  return {
    ok: true,
    fields: {
      kind,
      packageBytes: octets.length,
      firstBlock,
      lastBlock,
      ...manifestFields(manifest, digest),
      verified: false,
    },
    text: rows([
      ['kind', kind === 'part' ? `part with blocks ${counted(firstBlock)} to ${counted(lastBlock)}` : 'package'],
      ['octets', counted(octets.length)],
      ...manifestRows(manifest, digest),
      ['signatures', 'not checked; `smets1 package verify` does'],
    ]),
  };
}
