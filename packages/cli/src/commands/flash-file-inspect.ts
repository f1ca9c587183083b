import { FLASH_BYTES_MAX, FLASH_FILE_HEADER_BYTES, loadFlash } from '@smets1/emulator';
import { crc32 } from '@smets1/protocol';
import { readInput } from '../files/input-file.js';
import { flashText } from '../inspect/flash-picture.js';
import { reportOf } from '../inspect/flash-report.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { pathFrom } from '../shell.js';

/** What a flash file says of its meter. The file is read once, and never written to; whether a meter runs on it does not matter. */
export function flashFileInspect(job: Job, _flags: CommonFlags, path: string): Finish {
  const file = readInput(pathFrom(job.shell, path), 'the flash file', FILE_BYTES_MAX);
  const report = reportOf(loadFlash(file, crc32));
  return { ok: true, fields: { ...report }, text: flashText(report) };
}

/** Twice the largest flash holds any wear table, of sectors however small, besides it. */
const FILE_BYTES_MAX = FLASH_FILE_HEADER_BYTES + 2 * FLASH_BYTES_MAX;
