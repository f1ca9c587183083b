/** One conversation with one meter, in words that the journal keeps: what the meter signed, or why it is no use, or not yet. */
import { randomBytes } from 'node:crypto';
import { runSender } from '@smets1/host';
import type { TimePort } from '@smets1/host';
import { decodeAuthorisation, equalOctets, formatDeviceId, parseDeviceId, refusalOf, toHex } from '@smets1/protocol';
import type {
  CryptoPort,
  MeterHello,
  Outcome,
  Refusal,
  SendableImage,
  SenderPlan,
  SenderResult,
} from '@smets1/protocol';
import type { StageEvent } from '../events.js';
import { PROGRESS_EVERY_MS, RECONNECT_MS } from '../limits.js';
import type { InventoryDevice } from '../inventory.js';
import type { MeterLinks } from '../meter-links.js';
import type { DeviceResult, EntryCode, MeterRecord } from '../store/records.js';

export interface Conversation {
  readonly device: InventoryDevice;
  readonly links: MeterLinks;
  readonly crypto: CryptoPort;
  readonly image: SendableImage | undefined;
  /** 232 octets; absent: nothing is activated. */
  readonly authorisation: Uint8Array | undefined;
  readonly octetsPerSecond: number | undefined;
  readonly signal: AbortSignal;
  readonly tell: (event: Omit<StageEvent, 'atMs' | 'requestId' | 'deviceId'>) => void;
  readonly nowMs: () => number;
  /** How the link keeps time; the machine's own unless given. */
  readonly time: TimePort | undefined;
}

export type Spoken =
  | {
      readonly kind: 'done';
      readonly what: 'sealed' | 'activated' | 'already-running' | 'version-read';
      readonly device: DeviceResult;
      readonly meter: MeterRecord;
    }
  /** Another try may do better. */
  | { readonly kind: 'again'; readonly code: EntryCode; readonly message: string; readonly device: DeviceResult }
  | {
      readonly kind: 'failed';
      readonly code: EntryCode;
      readonly message: string;
      readonly device: DeviceResult;
      readonly meter: MeterRecord | undefined;
    };

/** Refusals that say "not now". */
const NOT_NOW: ReadonlySet<Refusal> = new Set([
  'trialRunning',
  'busyWithOther',
  'authorisationNotYetValid',
  'eraseBudgetSpent',
  'storageFailed',
  'noSession',
  'incomplete',
]);

/** @throws Only defects: what a line, the system or a meter does wrong is in what is spoken. */
export async function speak(conversation: Conversation): Promise<Spoken> {
  const { device, links, image, authorisation } = conversation;
  const plan: SenderPlan = {
    image,
    authorisation,
    // The Supplier's newest word counts; a meter that holds another image was told so by an older one.
    replace: true,
    deviceId: parseDeviceId(device.deviceId),
    octetsPerSecond: conversation.octetsPerSecond,
    random: new Uint8Array(randomBytes(8)),
  };
  const { result, meter } = await runSender({
    plan,
    openLink: async () => await links.open(device.deviceId),
    reconnectMs: RECONNECT_MS,
    crypto: conversation.crypto,
    signal: conversation.signal,
    onEvent: narrate(conversation),
    ...(conversation.time === undefined ? {} : { time: conversation.time }),
    ...(device.publicKey === undefined ? {} : { deviceKey: device.publicKey }),
  });
  return spokenOf(conversation, result, meter);
}

function spokenOf(conversation: Conversation, result: SenderResult, meter: MeterHello | undefined): Spoken {
  const { deviceId } = conversation.device;
  const { outcome } = result;
  const attested = result.kind === 'done' ? result.attested : conversation.device.publicKey !== undefined;
  const device: DeviceResult = outcome === undefined ? { deviceId } : deviceResult(deviceId, outcome, attested);
  const heard = outcome === undefined ? undefined : meterRecord(conversation, outcome, meter, attested);
  if (result.kind === 'done') {
    if (heard === undefined || outcome === undefined) throw new TypeError('a run that is done has an outcome');
    // A plan without image leaves the sender nothing to compare the running image with.
    const asked = conversation.image === undefined ? conversation.authorisation : undefined;
    const authorised = asked === undefined ? undefined : decodeAuthorisation(asked);
    if (authorised !== undefined && !(authorised.ok && equalOctets(outcome.runningHash, authorised.value.imageHash))) {
      return {
        kind: 'failed',
        code: 'activation-failed',
        message: 'the meter runs another image than was authorised',
        device,
        meter: heard,
      };
    }
    return { kind: 'done', what: result.what, device, meter: heard };
  }
  const { reason, refusal, detail } = result;
  switch (reason) {
    case 'no-answer':
    case 'interrupted':
    case 'too-noisy':
      return { kind: 'again', code: reason, message: detail, device };
    case 'refused': {
      const name = refusal === undefined ? undefined : refusalOf(refusal.code);
      const said = refusal === undefined ? device : { ...device, refusal };
      const message = name === undefined ? detail : `the meter refuses: ${name}`;
      if (name !== undefined && NOT_NOW.has(name)) return { kind: 'again', code: 'refused', message, device: said };
      return { kind: 'failed', code: 'refused', message, device: said, meter: heard };
    }
    case 'verify-failed':
    case 'activation-failed':
    case 'reverted':
    case 'device-changed':
    case 'not-authentic':
      return { kind: 'failed', code: reason, message: detail, device, meter: heard };
  }
}

function deviceResult(deviceId: string, outcome: Outcome, attested: boolean): DeviceResult {
  const said = {
    deviceId,
    firmwareVersion: versionOf(outcome),
    runningHash: toHex(outcome.runningHash),
    outcome: Buffer.from(outcome.octets).toString('base64'),
    attested,
  };
  if (outcome.kind !== 'activation' || outcome.code === 'notAuthentic') return said;
  return { ...said, activateImageResponseCode: outcome.code };
}

function versionOf(outcome: Outcome): string {
  return outcome.runningVersion.toString(16).toUpperCase().padStart(8, '0');
}

function meterRecord(
  conversation: Conversation,
  outcome: Outcome,
  meter: MeterHello | undefined,
  attested: boolean,
): MeterRecord {
  return {
    deviceId: formatDeviceId(outcome.deviceId),
    atMs: conversation.nowMs(),
    runningVersion: outcome.runningVersion,
    runningHash: toHex(outcome.runningHash),
    securityCounter: outcome.securityCounter,
    attested,
    ...(meter === undefined ? {} : { hardwareVersion: meter.hardwareVersion }),
  };
}

type SenderTold = Parameters<NonNullable<Parameters<typeof runSender>[0]['onEvent']>>[0];

function narrate(conversation: Conversation): (event: SenderTold) => void {
  const { tell, nowMs } = conversation;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return (event) => {
    switch (event.kind) {
      case 'link-up':
      case 'link-lost':
        return tell({ stage: event.kind, detail: event.detail });
      case 'link-failed':
        return tell({ stage: 'link-lost', detail: event.detail });
      case 'meter-found':
        return tell({
          stage: 'meter-found',
          detail: `runs version ${event.meter.runningVersion.toString(16).padStart(8, '0')}`,
        });
      case 'accepted':
        return tell({ stage: 'progress', durableBlocks: event.durableBlocks, blockCount: event.blockCount });
      case 'progress': {
        const atMs = nowMs();
        if (atMs - toldAtMs < PROGRESS_EVERY_MS && event.durableBlocks < event.blockCount) return undefined;
        toldAtMs = atMs;
        const { sentBytes, resumedFromBlocks, discardedBytes } = event.stats;
        return tell({
          stage: 'progress',
          durableBlocks: event.durableBlocks,
          blockCount: event.blockCount,
          sentBytes,
          resumedFromBlocks,
          discardedBytes,
        });
      }
      case 'session-lost':
      case 'sealing':
      case 'sealed':
      case 'activating':
      case 'busy':
      case 'alert':
        return undefined;
    }
  };
}
