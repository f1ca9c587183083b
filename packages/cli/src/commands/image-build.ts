import { nodeCrypto, loadPrivateKey, nodeSigner } from '@smets1/host';
import {
  buildOtaImage,
  decodeOtaHeader,
  IMAGE_BYTES_MAX,
  manufacturerImageHash,
  OTA_HEADER_BYTES,
  runTask,
} from '@smets1/protocol';
import { CliError } from '../errors.js';
import { readInput } from '../files/input-file.js';
import { checkOutput, writeOutput } from '../files/output-file.js';
import type { Range } from '../flags/values.js';
import { HEADER_STRING_BYTES_MAX } from '../limits.js';
import { sizeText } from '../output/describe.js';
import { hex, rows, versionText } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { pathFrom } from '../shell.js';

export interface ImageBuildFlags extends CommonFlags {
  readonly out: string;
  readonly manufacturer: number;
  readonly imageType: number;
  readonly version: number;
  readonly hardware: Range;
  readonly headerString?: string;
  readonly key: string;
  readonly force: boolean;
}

export function imageBuild(job: Job, flags: ImageBuildFlags, path: string): Finish {
  const out = pathFrom(job.shell, flags.out);
  checkOutput(out, flags, pathFrom(job.shell, path));
  const headerString = headerStringOctets(flags.headerString ?? '');
  const manufacturerImage = readInput(pathFrom(job.shell, path), 'the firmware', IMAGE_BYTES_MAX);
  refuseOtaImage(manufacturerImage, path);
  const supplier = loadPrivateKey(pathFrom(job.shell, flags.key));
  const crypto = nodeCrypto();
  const image = runTask(
    buildOtaImage({
      manufacturerImage,
      manufacturerCode: flags.manufacturer,
      imageType: flags.imageType,
      fileVersion: flags.version,
      hardwareMin: flags.hardware.min,
      hardwareMax: flags.hardware.max,
      headerString,
    }),
    crypto,
    nodeSigner({ supplier }),
  );
  const hash = hex(runTask(manufacturerImageHash(manufacturerImage), crypto));
  writeOutput(out, image, flags);
  return {
    ok: true,
    fields: {
      out,
      totalBytes: image.length,
      imageBytes: manufacturerImage.length,
      version: versionText(flags.version),
      hash,
    },
    text: rows([
      ['wrote', flags.out],
      ['version', versionText(flags.version)],
      ['OTA Upgrade Image', sizeText(image.length)],
      ['image hash', hash],
    ]),
  };
}

/** A header around a header is an image that no meter boots, and the mistake would show only there. */
export function refuseOtaImage(octets: Uint8Array, path: string): void {
  if (!decodeOtaHeader(octets.subarray(0, OTA_HEADER_BYTES)).ok) return;
  throw new CliError('usage', `${path} is an OTA Upgrade Image already; give it to \`smets1 package build\` as it is`);
}

function headerStringOctets(text: string): Uint8Array {
  const octets = new TextEncoder().encode(text);
  if (octets.length > HEADER_STRING_BYTES_MAX) {
    throw new CliError(
      'usage',
      `--header-string has ${octets.length} octets, there is room for ${HEADER_STRING_BYTES_MAX}`,
    );
  }
  const padded = new Uint8Array(HEADER_STRING_BYTES_MAX);
  padded.set(octets);
  return padded;
}
