import { basename, extname, join } from 'node:path';
import {
  CRC32_BYTES,
  PACKAGE_BYTES_MAX,
  PART_BYTES_MAX,
  readContainer,
  SIGNATURE_BYTES,
  splitPackage,
} from '@smets1/protocol';
import { CliError } from '../errors.js';
import { readInput } from '../files/input-file.js';
import { checkOutput, makeFolder, writeOutput } from '../files/output-file.js';
import { counted, rows } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { notSound } from '../verdict.js';

export interface PackageSplitFlags extends CommonFlags {
  readonly outDir: string;
  readonly partBytes: number;
  readonly force: boolean;
}

/** Cuts a package into the parts that 11.1 requests carry. */
export function packageSplit(job: Job, flags: PackageSplitFlags, path: string): Finish {
  const octets = readInput(pathFrom(job.shell, path), 'the package', PACKAGE_BYTES_MAX);
  const parts = splitOctets(octets, flags.partBytes);
  if (!parts.ok) return notSound(path, parts.fault);
  const folder = pathFrom(job.shell, flags.outDir);
  makeFolder(folder);
  const stem = basename(path, extname(path));
  const files = parts.value.map((part, index) => ({
    path: join(folder, partName(stem, index, parts.value.length)),
    part,
  }));
  for (const file of files) checkOutput(file.path, flags);
  for (const file of files) writeOutput(file.path, file.part, flags);
  return {
    ok: true,
    fields: { parts: files.map((file) => ({ path: file.path, bytes: file.part.length })) },
    text: rows(files.map((file) => [file.path, `${counted(file.part.length)} octets`] as const)),
  };
}

function splitOctets(octets: Uint8Array, partBytes: number): ReturnType<typeof splitPackage> {
  const read = readContainer(octets);
  if (!read.ok) return read;
  const { manifest, records } = read.value;
  const leastBytes = octets.length - records.length + 2 ** manifest.blockShift + SIGNATURE_BYTES + CRC32_BYTES;
  if (partBytes < leastBytes && partBytes < PART_BYTES_MAX) {
    throw new CliError(
      'usage',
      `no block of this package fits --part-bytes ${partBytes}; ${leastBytes} or more are needed`,
    );
  }
  return splitPackage(octets, partBytes);
}

/** `u-boot.part-01-of-02.s1pk`: sorts in the order of the blocks. */
function partName(stem: string, index: number, count: number): string {
  const digits = Math.max(2, String(count).length);
  return `${stem}.part-${String(index + 1).padStart(digits, '0')}-of-${String(count).padStart(digits, '0')}.s1pk`;
}
