/**
 * The second party of dual control. Of a request it believes nothing that the instructing side says: it reads the journal itself, checks for
 * itself, keeps its own record of what it countersigned, and alone holds the key. Whom it trusts, its policy and its paths it is told by
 * that side when it starts; it refuses other keys and another policy than at its first start, unless the owner of its directory agrees.
 * What it checks is modelled policy (docs/decisions).
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
import type {
  ControlPolicy,
  CountersignatureAnswer,
  CountersignatureRequest,
  RevocationAnswer,
  RevocationRequest,
} from '../control-port.js';
import { parseRequestId } from '../identifiers.js';
import { CONTROL_DAY_MS, CONTROL_HOUR_MS, CONTROL_JOURNAL_SEGMENT_BYTES, REWRITE_BATCH_RECORDS } from '../limits.js';
import type { ControlRefusalCode } from '../store/records.js';
import { decodeNote, emptyMemory, encodeNote, remember, stillNeeded } from './notes.js';
import type { Given, Memory, Note, Pinned, Revoked } from './notes.js';
import { acceptanceName, trustChanged, trustFingerprint } from './pinned-trust.js';
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
  /** From now on refuses this authorisation, and every one for its device with a counter not above its own. Rejects likewise. */
  revoke(request: RevocationRequest): Promise<RevocationAnswer>;
  close(): void;
}

/**
 * @throws {@link JournalError} when its directory cannot be opened; {@link DcoError} `control-trust-changed`, `storage-corrupt`. Both as a
 *   rejection.
 */
export async function openCountersigner(options: CountersignerOptions): Promise<Countersigner> {
  const settings = {
    segmentBytes: CONTROL_JOURNAL_SEGMENT_BYTES,
    ...(options.processes === undefined ? {} : { processes: options.processes }),
  };
  const opened = openGeneration(options.files, options.controlDirectory, settings);
  let generation: Generation = opened;
  try {
    const notes = [...opened.journal.readAll()].map(({ octets }) => decodeNote(octets));
    const kept = stillNeeded(notes, options.nowMs());
    // Only the newest of each meter, and what the thresholds count, is needed: rewritten at a start when most is not.
    if (notes.length > 2 * kept.length + REWRITE_BATCH_RECORDS) {
      generation = await nextGeneration(options.files, options.controlDirectory, settings, opened, async (journal) => {
        for (let i = 0; i < kept.length; i += REWRITE_BATCH_RECORDS) {
          await journal.appendAll(kept.slice(i, i + REWRITE_BATCH_RECORDS).map(encodeNote));
        }
      });
    }
    const memory = emptyMemory();
    for (const note of kept) remember(memory, note);
    await pinTrust(options, generation, memory);
    return new OpenCountersigner(options, generation, memory);
  } catch (error) {
    generation.journal.close();
    throw error;
  }
}

async function pinTrust(options: CountersignerOptions, generation: Generation, memory: Memory): Promise<void> {
  const { files, controlDirectory, crypto, trust, policy } = options;
  const told = trustFingerprint(crypto, trust, policy);
  if (memory.trust === told) return;
  const accepted = acceptanceName(told);
  const isAccepted = files.list(controlDirectory).includes(accepted);
  if (memory.trust !== undefined && !isAccepted) throw trustChanged(controlDirectory, memory.trust, told);
  const pinned: Pinned = { trust: told };
  await generation.journal.append(encodeNote(pinned));
  remember(memory, pinned);
  // Good for once: going back and forth takes an agreement each time.
  if (isAccepted) files.unlink(`${controlDirectory}/${accepted}`);
}

class OpenCountersigner implements Countersigner {
  readonly #o: CountersignerOptions;
  readonly #generation: Generation;
  readonly #view: StoreView;
  readonly #memory: Memory;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: CountersignerOptions, generation: Generation, memory: Memory) {
    this.#o = options;
    this.#generation = generation;
    this.#memory = memory;
    const { files, storeDirectory, crypto, trust } = options;
    this.#view = openStoreView({ files, directory: storeDirectory, crypto, trust });
  }

  countersign(request: CountersignatureRequest): Promise<CountersignatureAnswer> {
    return this.#alone(() => this.#decide(request));
  }

  revoke({ authorisation: octets }: RevocationRequest): Promise<RevocationAnswer> {
    return this.#alone(async (): Promise<RevocationAnswer> => {
      const checked = this.#signedBySupplier(octets);
      if (!checked.ok) return checked;
      const { originatorCounter } = checked.authorisation;
      const deviceId = formatDeviceId(checked.authorisation.deviceId);
      if (originatorCounter <= (this.#memory.revokedUpTo.get(deviceId) ?? 0n)) return { ok: true };
      const revoked: Revoked = { deviceId, revokedUpTo: String(originatorCounter) };
      return (await this.#note(revoked)) ?? { ok: true };
    });
  }

  #alone<T>(act: () => Promise<T>): Promise<T> {
    const answer = this.#last.then(act);
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  close(): void {
    this.#generation.journal.close();
  }

  async #decide(request: CountersignatureRequest): Promise<CountersignatureAnswer> {
    const { crypto, signer, nowMs } = this.#o;
    const checked = this.#signedBySupplier(request.authorisation);
    if (!checked.ok) return checked;
    const { authorisation } = checked;
    const refusal = this.#objection(request, authorisation);
    if (refusal !== undefined) return refusal;

    const body = this.#bodyOf(authorisation);
    const deviceId = formatDeviceId(authorisation.deviceId);
    const revokedUpTo = this.#memory.revokedUpTo.get(deviceId);
    if (revokedUpTo !== undefined && authorisation.originatorCounter <= revokedUpTo) {
      return no(
        'revoked',
        `authorisations for device ${deviceId} up to counter ${revokedUpTo} were called off; sign one with a higher counter`,
      );
    }
    const before = this.#memory.newest.get(deviceId);
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
    // Before anybody gets it: a crash must not make us forget what we have signed.
    return (await this.#note(given)) ?? { ok: true, authorisation: whole };
  }

  /** Makes a note durable, then believes it. Says why not when there is no room. */
  async #note(note: Note): Promise<No | undefined> {
    try {
      await this.#generation.journal.append(encodeNote(note));
    } catch (error) {
      if (error instanceof JournalError && error.code === 'storage-full')
        return no('unavailable', `the control cannot record: ${error.message}`);
      throw error;
    }
    remember(this.#memory, note);
    return undefined;
  }

  #signedBySupplier(octets: Uint8Array): { readonly ok: true; readonly authorisation: Authorisation } | No {
    if (octets.length !== AUTHORISATION_UNCOUNTERSIGNED_BYTES)
      return no(
        'malformed',
        `an authorisation comes to the control with ${AUTHORISATION_UNCOUNTERSIGNED_BYTES} octets`,
      );
    const checked = runTask(verifySupplierSignature(octets, this.#o.trust.supplier), this.#o.crypto);
    if (checked.ok) return { ok: true, authorisation: checked.value };
    return no(checked.fault.code === 'supplierSignatureBad' ? 'signature' : 'malformed', checked.fault.detail);
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
    const times = this.#memory.times.filter((atMs) => nowMs - atMs < CONTROL_DAY_MS);
    this.#memory.times = times;
    if (times.length >= perDayMax)
      return no('rate', `${perDayMax} countersignatures were given in the last day; no more until one is a day old`);
    const lastHour = times.filter((atMs) => nowMs - atMs < CONTROL_HOUR_MS).length;
    if (lastHour >= perHourMax)
      return no(
        'rate',
        `${perHourMax} countersignatures were given in the last hour; no more until one is an hour old`,
      );
    return undefined;
  }

  #bodyOf(authorisation: Authorisation): string {
    return toHex(
      this.#o.crypto.sha256([authorisation.octets.subarray(0, AUTHORISATION_UNCOUNTERSIGNED_BYTES - SIGNATURE_BYTES)]),
    );
  }
}

interface No {
  readonly ok: false;
  readonly code: ControlRefusalCode;
  readonly message: string;
}

function no(code: ControlRefusalCode, message: string): No {
  return { ok: false, code, message };
}
