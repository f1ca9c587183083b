import { nodeCrypto } from '@smets1/host';
import { joinParts, manifestDigest, PACKAGE_BYTES_MAX, PART_BYTES_MAX, readContainer, runTask } from '@smets1/protocol';
import { EXIT, PACKAGE_FAULT_EXIT } from '../exit-codes.js';
import { readInput } from '../files/input-file.js';
import { checkOutput, writeOutput } from '../files/output-file.js';
import { manifestFields, manifestRows } from '../output/describe.js';
import { counted, rows } from '../output/style.js';
import { failed, type CommonFlags, type Finish, type Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { notSound } from '../verdict.js';

export interface PackageJoinFlags extends CommonFlags {
  readonly out: string;
  readonly force: boolean;
}

/** Puts parts, in any order, together to the package they came from. */
export function packageJoin(job: Job, flags: PackageJoinFlags, ...paths: readonly string[]): Finish {
  const out = pathFrom(job.shell, flags.out);
  checkOutput(out, flags);
  const parts: Uint8Array[] = [];
  for (const path of paths) {
    const octets = readInput(pathFrom(job.shell, path), 'the part', Math.max(PART_BYTES_MAX, PACKAGE_BYTES_MAX));
    // Read here for its name: of many files, the one that is spoilt is what the user must know.
    const read = readContainer(octets);
    if (!read.ok) return notSound(path, read.fault);
    parts.push(octets);
  }
  const joined = joinParts(parts);
  if (!joined.ok) {
    const { fault } = joined;
    return failed(
      PACKAGE_FAULT_EXIT[fault.code] ?? EXIT['verify-failed'],
      `the parts do not join (${fault.code}): ${fault.detail}`,
      {
        fields: { code: fault.code },
      },
    );
  }
  const whole = readContainer(joined.value);
  if (!whole.ok) return notSound('the joined package', whole.fault);
  const { manifest } = whole.value;
  const digest = runTask(manifestDigest(manifest), nodeCrypto());
  writeOutput(out, joined.value, flags);
  return {
    ok: true,
    fields: { out, packageBytes: joined.value.length, ...manifestFields(manifest, digest), verified: false },
    text: rows([
      ['wrote', `${flags.out}, ${counted(joined.value.length)} octets`],
      ...manifestRows(manifest, digest),
      ['signatures', 'not checked; `smets1 package verify` does'],
    ]),
  };
}
