/** What the commands of a queue share. */
import { openJetstreamWork, type UpdateWork } from '@smets1/fleet';
import { readToken } from '../files/token-file.js';
import type { CommonFlags, Job } from '../run-command.js';
import { pathFrom } from '../shell.js';

/** How a queue is reached. */
export interface QueueFlags extends CommonFlags {
  readonly nats: string;
  readonly tokenFile?: string;
}

export interface QueueWish {
  /** Makes what is not there. */
  readonly create: boolean;
  readonly leaseMs?: number;
}

/** Opens the queue for `use`, and closes it. @throws WorkError */
export async function withQueue<T>(
  job: Job,
  flags: QueueFlags,
  wish: QueueWish,
  use: (work: UpdateWork) => Promise<T>,
): Promise<T> {
  const work = await openJetstreamWork({
    server: flags.nats,
    ...wish,
    ...(flags.tokenFile === undefined ? {} : { token: readToken(pathFrom(job.shell, flags.tokenFile)) }),
    onRefused: (detail) => job.report.warn(`something in the queue is no job, and was removed: ${detail}`),
  });
  try {
    return await use(work);
  } finally {
    await work.close();
  }
}
