/**
 * The second party of dual control. It believes nothing that the instructing side says: it reads the journal itself, checks for itself,
 * keeps its own record of what it countersigned, and alone holds the key. What it checks is modelled policy (docs/decisions).
 */
import { openGeneration, nextGeneration } from '../store/generations.js';
import type { Generation } from '../store/generations.js';
import {
  AUTHORISATION_UNCOUNTERSIGNED_BYTES,
  countersign,
  equalOctets,
  formatDeviceId,
  parseDeviceId,
  runTask,
  SIGNATURE_BYTES,
  toHex,
  verifySupplierSignature,
} from '@smets1/protocol';
import type { Authorisation, CryptoPort, SignerPort, TrustAnchors } from '@smets1/protocol';
import { JournalError } from '@smets1/journal';
import type { FilePort, ProcessPort } from '@smets1/journal';
import type { ControlPolicy, CountersignatureAnswer, CountersignatureRequest } from '../control-port.js';
import { parseRequestId } from '../identifiers.js';
import { CONTROL_DAY_MS, CONTROL_HOUR_MS, CONTROL_JOURNAL_SEGMENT_BYTES, REWRITE_BATCH_RECORDS } from '../limits.js';
import type { ControlRefusalCode } from '../store/records.js';
import { openStoreView } from './store-view.js';
import type { HeldForDevice, StoreView } from './store-view.js';

export interface CountersignerOptions {
  readonly files: FilePort;
  /** The store's; only read. */
  readonly storeDirectory: string;
  /** Its own journal. */
  readonly controlDirectory: string;
  readonly crypto: CryptoPort;
  readonly signer: SignerPort;
  readonly trust: Pick<TrustAnchors, 'manufacturer' | 'supplier'>;
  readonly policy: ControlPolicy;
  readonly nowMs: () => number;
  readonly processes?: ProcessPort;
}

export interface Countersigner {
  /** One at a time. Rejects only when its own storage fails. */
  countersign(request: CountersignatureRequest): Promise<CountersignatureAnswer>;
  close(): void;
}

/** What was countersigned: one record each. */
interface Given {
  readonly atMs: number;
  readonly deviceId: string;
  /** Decimal. */
  readonly originatorCounter: string;
  /** SHA-256 in hex over the octets that the Supplier signed. */
  readonly body: string;
  /** base64 of 232 octets. */
  readonly authorisation: string;
}

/** @throws {@link JournalError} when its directory cannot be opened. */
export async function openCountersigner(options: CountersignerOptions): Promise<Countersigner> {
  const settings = {
    segmentBytes: CONTROL_JOURNAL_SEGMENT_BYTES,
    ...(options.processes === undefined ? {} : { processes: options.processes }),
  };
  const opened = openGeneration(options.files, options.controlDirectory, settings);
  const given = [...opened.journal.readAll()].map(
    ({ octets }) => JSON.parse(new TextDecoder().decode(octets)) as Given,
  );
  const kept = stillNeeded(given, options.nowMs());
  let generation: Generation = opened;
  // Only the newest of each meter, and what the thresholds count, is needed: rewritten at a start when most is not.
  if (given.length > 2 * kept.length + REWRITE_BATCH_RECORDS) {
    generation = await nextGeneration(options.files, options.controlDirectory, settings, opened, async (journal) => {
      for (let i = 0; i < kept.length; i += REWRITE_BATCH_RECORDS) {
        await journal.appendAll(kept.slice(i, i + REWRITE_BATCH_RECORDS).map(encodeGiven));
      }
    });
  }
  return new OpenCountersigner(options, generation, kept);
}

class OpenCountersigner implements Countersigner {
  readonly #o: CountersignerOptions;
  readonly #generation: Generation;
  readonly #view: StoreView;
  /** The newest of each meter. */
  readonly #newest = new Map<string, Given>();
  /** Times of the last day, ascending. */
  #times: number[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: CountersignerOptions, generation: Generation, given: readonly Given[]) {
    this.#o = options;
    this.#generation = generation;
    const { files, storeDirectory, crypto, trust } = options;
    this.#view = openStoreView({ files, directory: storeDirectory, crypto, trust });
    for (const one of given) this.#remember(one);
  }

  countersign(request: CountersignatureRequest): Promise<CountersignatureAnswer> {
    const answer = this.#last.then(() => this.#decide(request));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  close(): void {
    this.#generation.journal.close();
  }

  async #decide(request: CountersignatureRequest): Promise<CountersignatureAnswer> {
    const { crypto, signer, trust, nowMs } = this.#o;
    if (request.authorisation.length !== AUTHORISATION_UNCOUNTERSIGNED_BYTES) {
      return no('malformed', `an authorisation to be countersigned has ${AUTHORISATION_UNCOUNTERSIGNED_BYTES} octets`);
    }
    const checked = runTask(verifySupplierSignature(request.authorisation, trust.supplier), crypto);
    if (!checked.ok)
      return no(checked.fault.code === 'supplierSignatureBad' ? 'signature' : 'malformed', checked.fault.detail);
    const authorisation = checked.value;
    const refusal = this.#objection(request, authorisation);
    if (refusal !== undefined) return refusal;

    const body = this.#bodyOf(authorisation);
    const deviceId = formatDeviceId(authorisation.deviceId);
    const before = this.#newest.get(deviceId);
    if (before !== undefined && authorisation.originatorCounter <= BigInt(before.originatorCounter)) {
      // The very same one again: the side that asked did not hear the answer.
      if (before.body === body)
        return { ok: true, authorisation: new Uint8Array(Buffer.from(before.authorisation, 'base64')) };
      return no(
        'counter',
        `counter ${before.originatorCounter} was countersigned for device ${deviceId}; another authorisation needs a higher one`,
      );
    }
    const rate = this.#rateRefusal(nowMs());
    if (rate !== undefined) return rate;

    const whole = runTask(countersign(request.authorisation), crypto, signer);
    const given: Given = {
      atMs: nowMs(),
      deviceId,
      originatorCounter: String(authorisation.originatorCounter),
      body,
      authorisation: Buffer.from(whole).toString('base64'),
    };
    try {
      // Before anybody gets it: a crash must not make us forget what we have signed.
      await this.#generation.journal.append(encodeGiven(given));
    } catch (error) {
      if (error instanceof JournalError && error.code === 'storage-full')
        return no('unavailable', `the control cannot record: ${error.message}`);
      throw error;
    }
    this.#remember(given);
    return { ok: true, authorisation: whole };
  }

  #objection(request: CountersignatureRequest, authorisation: Authorisation): CountersignatureAnswer | undefined {
    const { policy } = this.#o;
    const requestId = parseRequestId(request.requestId);
    const originator = requestId === undefined ? undefined : parseDeviceId(requestId.originator);
    if (originator === undefined || !equalOctets(originator, authorisation.originator)) {
      return no('role', 'the authorisation is not of the originator of the request');
    }
    const user = policy.users?.find((one) => one.originator.toUpperCase() === requestId?.originator);
    if (policy.users !== undefined && user === undefined)
      return no('role', `${requestId?.originator} is no user that the control knows`);
    if (user !== undefined && user.role !== 'IS')
      return no('role', `role ${user.role} may not have a meter for electricity activated; an Import Supplier may`);
    const deviceId = formatDeviceId(authorisation.deviceId);
    if (deviceId !== request.deviceId.toUpperCase())
      return no('device', 'the authorisation is for another device than the request');
    if (toHex(authorisation.imageHash) !== request.firmwareHash.toUpperCase())
      return no('hash', 'the authorisation names another hash than the request');
    const judge = (held: HeldForDevice | undefined): CountersignatureAnswer | undefined => {
      if (held === undefined) return no('not-held', 'no image with this manifest digest is held whole and authentic');
      if (!equalOctets(held.manifest.imageHash, authorisation.imageHash))
        return no('hash', 'the image held has another hash than the authorisation names');
      if (!held.isListed) return no('not-listed', `no complete 11.1 for this image names device ${deviceId}`);
      const { meter, manifest } = held;
      if (meter === undefined) {
        return policy.requireKnownVersion
          ? no('version', `the version that device ${deviceId} runs is not known; read it with 11.2 first`)
          : undefined;
      }
      if (meter.runningHash === toHex(manifest.imageHash)) return undefined; // running already: without effect
      if (meter.runningVersion < manifest.applicableFromMin || meter.runningVersion > manifest.applicableFromMax) {
        return no(
          'version',
          `device ${deviceId} runs version ${meter.runningVersion}, which this image may not replace`,
        );
      }
      const { hardwareVersion } = meter;
      if (
        hardwareVersion !== undefined &&
        (hardwareVersion < manifest.hardwareMin || hardwareVersion > manifest.hardwareMax)
      ) {
        return no(
          'hardware',
          `device ${deviceId} has hardware version ${hardwareVersion}, which this image is not for`,
        );
      }
      return undefined;
    };
    return this.#view.use(authorisation, judge, (error) =>
      no('unavailable', `the store cannot be read: ${error.message}`),
    );
  }

  #rateRefusal(nowMs: number): CountersignatureAnswer | undefined {
    const { perHourMax, perDayMax } = this.#o.policy;
    this.#times = this.#times.filter((atMs) => nowMs - atMs < CONTROL_DAY_MS);
    if (this.#times.length >= perDayMax)
      return no('rate', `${perDayMax} countersignatures were given in the last day; no more until one is a day old`);
    const lastHour = this.#times.filter((atMs) => nowMs - atMs < CONTROL_HOUR_MS).length;
    if (lastHour >= perHourMax)
      return no(
        'rate',
        `${perHourMax} countersignatures were given in the last hour; no more until one is an hour old`,
      );
    return undefined;
  }

  #remember(given: Given): void {
    this.#newest.set(given.deviceId, given);
    this.#times.push(given.atMs);
  }

  #bodyOf(authorisation: Authorisation): string {
    return toHex(
      this.#o.crypto.sha256([authorisation.octets.subarray(0, AUTHORISATION_UNCOUNTERSIGNED_BYTES - SIGNATURE_BYTES)]),
    );
  }
}

/** The newest of each meter, and all of the last day, in their order. */
function stillNeeded(given: readonly Given[], nowMs: number): readonly Given[] {
  const newest = new Map(given.map((one) => [one.deviceId, one]));
  return given.filter((one) => newest.get(one.deviceId) === one || nowMs - one.atMs < CONTROL_DAY_MS);
}

function encodeGiven(given: Given): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(given));
}

function no(
  code: ControlRefusalCode,
  message: string,
): { readonly ok: false; readonly code: ControlRefusalCode; readonly message: string } {
  return { ok: false, code, message };
}
