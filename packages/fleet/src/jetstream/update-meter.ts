/** One job and one meter: the package is fetched, the conversation held, and what came of it said in the words of a record. */
import { speak, type DeviceResult, type InventoryDevice, type MeterLinks, type StageEvent } from '@smets1/dco';
import type { TimePort } from '@smets1/host';
import type { CryptoPort, SendableImage } from '@smets1/protocol';
import { WorkError } from './error.js';
import type { JobFault } from './job-record.js';
import { authorisationOctets, type UpdateJob } from './update-job.js';

/** What a conversation tells while it goes on. */
export type MeterStage = Omit<StageEvent, 'atMs' | 'requestId' | 'deviceId'>;

export interface MeterUpdate {
  readonly job: UpdateJob;
  readonly device: InventoryDevice;
  readonly image: () => Promise<SendableImage>;
  readonly links: MeterLinks;
  readonly crypto: CryptoPort;
  readonly time: TimePort | undefined;
  readonly nowMs: () => number;
  readonly octetsPerSecond: number | undefined;
  /** Ends the conversation; the meter keeps what it holds. */
  readonly signal: AbortSignal;
  /** Whether the worker ends, so that the conversation says nothing about the meter. */
  readonly isEnding: () => boolean;
  readonly onStage: (stage: MeterStage) => void;
}

export type UpdateEnd =
  | { readonly kind: 'done'; readonly what: 'activated' | 'already-running' | 'sealed'; readonly device: DeviceResult }
  | (JobFault & { readonly kind: 'failed'; readonly device?: DeviceResult })
  /** Another try may do better. */
  | (JobFault & { readonly kind: 'again'; readonly isInterrupted: boolean; readonly device?: DeviceResult });

/** @throws Only defects, and what the queue says of its server. */
export async function updateMeter(update: MeterUpdate): Promise<UpdateEnd> {
  let image: SendableImage;
  try {
    image = await update.image();
  } catch (error) {
    return packageFault(error);
  }
  const spoken = await speak({
    device: update.device,
    links: update.links,
    crypto: update.crypto,
    image,
    authorisation: authorisationOctets(update.job),
    octetsPerSecond: update.octetsPerSecond,
    signal: update.signal,
    tell: update.onStage,
    nowMs: update.nowMs,
    time: update.time,
  });
  switch (spoken.kind) {
    case 'done':
      if (spoken.what === 'version-read') throw new TypeError('a plan with an image does not end with a version');
      return { kind: 'done', what: spoken.what, device: spoken.device };
    case 'again':
      return { ...spoken, isInterrupted: spoken.code === 'interrupted' && update.isEnding() };
    case 'failed': {
      const { kind, code, message, device } = spoken;
      return { kind, code, message, device };
    }
  }
}

/** A package that is not there may yet come; what is stored under its name and is not it, is for people to look at. */
function packageFault(error: unknown): UpdateEnd {
  if (!(error instanceof WorkError)) throw error;
  const { code, message } = error;
  if (code === 'package-missing' || code === 'package-digest')
    return { kind: 'again', code, message, isInterrupted: false };
  if (code === 'package-format') return { kind: 'failed', code, message };
  throw error;
}
