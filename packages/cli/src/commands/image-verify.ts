import { nodeCrypto } from '@smets1/host';
import { IMAGE_BYTES_MAX, otaImageBytes, runTask, verifyOtaImage } from '@smets1/protocol';
import { readInput } from '../files/input-file.js';
import type { TrustedKeyFile } from '../flags/values.js';
import { headerFields, headerRows } from '../output/describe.js';
import { hex, rows } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { loadTrust } from '../trust.js';
import { notSound } from '../verdict.js';

export interface VerifyFlags extends CommonFlags {
  readonly trust: readonly TrustedKeyFile[];
}

export function imageVerify(job: Job, flags: VerifyFlags, path: string): Finish {
  const trust = loadTrust(job, flags.trust, ['supplier']);
  const octets = readInput(pathFrom(job.shell, path), 'the image', otaImageBytes(IMAGE_BYTES_MAX));
  const image = runTask(verifyOtaImage(octets, trust.supplier), nodeCrypto());
  if (!image.ok) return notSound(`the image ${path}`, image.fault);
  const { header, imageHash } = image.value;
  return {
    ok: true,
    fields: { ...headerFields(header), hash: hex(imageHash), verified: true },
    text: rows([['verified', 'structure and GBCS signature'], ...headerRows(header), ['image hash', hex(imageHash)]]),
  };
}
