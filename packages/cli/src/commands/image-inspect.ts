import { nodeCrypto } from '@smets1/host';
import { IMAGE_BYTES_MAX, manufacturerImageHash, otaImageBytes, readOtaImage, runTask } from '@smets1/protocol';
import { readInput } from '../files/input-file.js';
import { headerFields, headerRows } from '../output/describe.js';
import { counted, hex, rows } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { notSound } from '../verdict.js';

/** Says what an image says of itself; nothing is verified. */
export function imageInspect(job: Job, _: CommonFlags, path: string): Finish {
  const octets = readInput(pathFrom(job.shell, path), 'the image', otaImageBytes(IMAGE_BYTES_MAX));
  const image = readOtaImage(octets);
  if (!image.ok) return notSound(`the image ${path}`, image.fault);
  const { header, manufacturerImage } = image.value;
  const hash = hex(runTask(manufacturerImageHash(manufacturerImage), nodeCrypto()));
  return {
    ok: true,
    fields: { ...headerFields(header), imageBytes: manufacturerImage.length, hash, verified: false },
    text: rows([
      ...headerRows(header),
      ['Manufacturer Image', `${counted(manufacturerImage.length)} octets`],
      ['image hash', hash],
      ['signature', 'not checked; `smets1 image verify` does'],
    ]),
  };
}
