import { loadPrivateKey, nodeCrypto, nodeSigner } from '@smets1/host';
import {
  buildPackage,
  IMAGE_BYTES_MAX,
  LABEL_BYTES_MAX,
  manifestDigest,
  otaImageBytes,
  readContainer,
  readOtaImage,
  runTask,
} from '@smets1/protocol';
import { CliError } from '../errors.js';
import { readInput } from '../files/input-file.js';
import { checkOutput, writeOutput } from '../files/output-file.js';
import type { Range } from '../flags/values.js';
import { manifestFields, manifestRows } from '../output/describe.js';
import { counted, rows } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { notSound } from '../verdict.js';

export interface PackageBuildFlags extends CommonFlags {
  readonly out: string;
  readonly key: string;
  readonly counter?: number;
  readonly blockBytes: number;
  readonly applicableFrom?: Range;
  readonly label?: string;
  readonly force: boolean;
}

export function packageBuild(job: Job, flags: PackageBuildFlags, path: string): Finish {
  const out = pathFrom(job.shell, flags.out);
  checkOutput(out, flags, pathFrom(job.shell, path));
  checkLabel(flags.label);
  const otaImage = readInput(pathFrom(job.shell, path), 'the image', otaImageBytes(IMAGE_BYTES_MAX));
  const image = readOtaImage(otaImage);
  if (!image.ok) {
    const finish = notSound(`the image ${path}`, image.fault);
    return finish.ok ? finish : { ...finish, wayOut: 'a raw firmware becomes an image with `smets1 image build`' };
  }
  const manufacturer = loadPrivateKey(pathFrom(job.shell, flags.key));
  const crypto = nodeCrypto();
  const octets = runTask(
    buildPackage({
      otaImage,
      manufacturerKey: manufacturer.publicKey,
      blockShift: Math.log2(flags.blockBytes),
      securityCounter: flags.counter ?? image.value.header.fileVersion,
      ...(flags.applicableFrom === undefined
        ? {}
        : { applicableFromMin: flags.applicableFrom.min, applicableFromMax: flags.applicableFrom.max }),
      ...(flags.label === undefined ? {} : { label: flags.label }),
    }),
    crypto,
    nodeSigner({ manufacturer }),
  );
  const built = readContainer(octets);
  if (!built.ok) throw new TypeError(`the package just built does not read back: ${built.fault.detail}`);
  const { manifest } = built.value;
  const digest = runTask(manifestDigest(manifest), crypto);
  writeOutput(out, octets, flags);
  return {
    ok: true,
    fields: { out, packageBytes: octets.length, ...manifestFields(manifest, digest) },
    text: rows([['wrote', `${flags.out}, ${counted(octets.length)} octets`], ...manifestRows(manifest, digest)]),
  };
}

function checkLabel(label: string | undefined): void {
  if (label === undefined) return;
  const bytes = new TextEncoder().encode(label).length;
  if (bytes < 1 || bytes > LABEL_BYTES_MAX) {
    throw new CliError('usage', `--label has ${bytes} octets as UTF-8, it may have 1 to ${LABEL_BYTES_MAX}`);
  }
}
