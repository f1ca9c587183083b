import { nodeCrypto } from '@smets1/host';
import { PACKAGE_BYTES_MAX, readContainer, runTask, verifyPackage, verifyPart } from '@smets1/protocol';
import { readInput } from '../files/input-file.js';
import { manifestFields, manifestRows } from '../output/describe.js';
import { counted, rows } from '../output/style.js';
import type { Finish, Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { loadTrust } from '../trust.js';
import { notSound } from '../verdict.js';
import type { VerifyFlags } from './image-verify.js';

/** Verifies every octet of a package, or of one of its parts. */
export function packageVerify(job: Job, flags: VerifyFlags, path: string): Finish {
  const trust = loadTrust(job, flags.trust, ['manufacturer', 'supplier']);
  const octets = readInput(pathFrom(job.shell, path), 'the package', PACKAGE_BYTES_MAX);
  const read = readContainer(octets);
  if (!read.ok) return notSound(path, read.fault);
  const isPart = read.value.kind === 'part';
  const checked = runTask(isPart ? verifyPart(octets, trust) : verifyPackage(octets, trust), nodeCrypto());
  if (!checked.ok) return notSound(path, checked.fault);
  const { manifest, digest, blocks, firstBlock, whole } = checked.value;
  const lastBlock = firstBlock + blocks.length - 1;
  const extent = `blocks ${counted(firstBlock)} to ${counted(lastBlock)} of ${counted(manifest.blockCount)}`;
  return {
    ok: true,
    fields: {
      kind: read.value.kind,
      firstBlock,
      lastBlock,
      whole,
      ...manifestFields(manifest, digest),
      verified: true,
    },
    text: rows([
      ['verified', isPart ? `a part: ${extent}` : 'a package: manifest, every block, image hash and GBCS signature'],
      [
        'not checked',
        whole ? undefined : 'image hash and GBCS signature: they need every part; see `smets1 package join`',
      ],
      ...manifestRows(manifest, digest),
    ]),
  };
}
