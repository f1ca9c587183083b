/** The DCO as a campaign needs it, over HTTP: parts in 11.1, an authorisation signed for each start, responses as outcomes. */
import type {
  Activation,
  ActivationTaken,
  Campaign,
  DcoPort,
  DcoResponse,
  DcoRoom,
  Submission,
} from '@smets1/campaign';
import { DcoError, type DcoClient, type EntryRecord } from '@smets1/dco';
import { nodeSigner } from '@smets1/host';
import type { PrivateKey } from '@smets1/host';
import { parseDeviceId, runTask, signAuthorisation, type CryptoPort } from '@smets1/protocol';
import { CliError } from '../errors.js';
import { AUTHORISATION_DAYS, RESPONSE_PULLS_MAX } from '../limits.js';
import { effectOfRefusal, resultOfEntry } from './dco-answers.js';
import type { PackagedImage, PackagedImages } from './packaged-images.js';
import { requestKeys, type RequestKeys } from './request-keys.js';

export interface CampaignDcoOptions {
  readonly client: DcoClient;
  readonly campaign: Campaign;
  readonly crypto: CryptoPort;
  readonly images: PackagedImages;
  /** Of the User in whose name a start is asked for; undefined: none was given. */
  readonly supplierKey: (userId: string) => PrivateKey | undefined;
  /** Seconds since 1970. */
  readonly nowS: () => number;
}

/**
 * Every method may reject with a {@link DcoError}, for which {@link isPassing} says whether it makes sense to ask again, or with a
 * {@link CliError} `usage` when a package or a key is missing.
 */
export function campaignDco(options: CampaignDcoOptions): DcoPort {
  return new CampaignDco(options);
}

/** Whether the campaign may ask again by itself; everything else is for a person to mend. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof DcoError)) return false;
  if (error.code === 'no-answer' || error.code === 'bad-answer') return true;
  return error.refusal !== undefined && effectOfRefusal(error.refusal.code) === 'passing';
}

class CampaignDco implements DcoPort {
  readonly #options: CampaignDcoOptions;
  readonly #keys: RequestKeys;
  /** Number of the last response that was read. */
  #readUpTo = 0;
  /** Of the first response that is not this campaign's: from there on nothing is acknowledged, for it would be lost to whom it belongs. */
  #foreignAt: number | undefined;
  /** Ends of requests that were taken before, and perhaps answered and acknowledged before too. */
  #found: DcoResponse[] = [];

  constructor(options: CampaignDcoOptions) {
    this.#options = options;
    this.#keys = requestKeys(options.campaign, options.crypto);
  }

  async room(day: string): Promise<DcoRoom> {
    const { client, campaign } = this.#options;
    const { left, limitWithoutSchedule, users } = await client.capacity(day);
    const told = new Map(users.map((user) => [user.userId, user.left]));
    return {
      images: left,
      users: [...campaign.users.keys()].map((userId) => ({
        userId,
        images: told.get(userId) ?? Math.min(left, limitWithoutSchedule),
      })),
    };
  }

  async submit({ key, userId, entryId, deviceIds }: Submission): Promise<void> {
    const { client } = this.#options;
    const { parts, path } = this.#image(entryId);
    let isAnswered = false;
    let requestId = '';
    for (const [i, part] of parts.entries()) {
      requestId = this.#keys.part(userId, key, i);
      // eslint-disable-next-line no-await-in-loop -- one part at a time: each is durable when it is answered
      const taken = await client.submitPart({ requestId, devices: deviceIds, part });
      isAnswered = taken.answered;
    }
    const [entry] = isAnswered ? (await client.request(requestId)).responses : [];
    if (entry !== undefined && entry.code !== 'success')
      throw new CliError('usage', `the DCO does not take ${path} (${entry.code}): ${entry.message}`);
    if (!isAnswered) throw new DcoError('bad-answer', `the DCO has every part of ${path}, and no 11.1 response`);
  }

  async activate(activation: Activation): Promise<ActivationTaken> {
    const { client } = this.#options;
    const { key, userId, deviceId, imageHash } = activation;
    const requestId = this.#keys.activation(userId, deviceId, key);
    try {
      const authorisation = this.#authorise(activation);
      await client.activate({ requestId, deviceId, firmwareHash: imageHash, authorisation });
      return { taken: true };
    } catch (error) {
      if (!(error instanceof DcoError) || error.refusal === undefined) throw error;
      // A signature is another one each time it is made: this is the same request, taken before a crash or before an answer was lost.
      if (error.refusal.code === 'request-id-reused') return await this.#takenBefore(requestId, key, error);
      const effect = effectOfRefusal(error.refusal.code);
      if (effect === 'passing' || effect === 'ends') throw error;
      return { taken: false, result: effect, message: error.message };
    }
  }

  async responses(): Promise<readonly DcoResponse[]> {
    const told: DcoResponse[] = this.#found;
    this.#found = [];
    for (let pull = 0; pull < RESPONSE_PULLS_MAX; pull += 1) {
      // eslint-disable-next-line no-await-in-loop -- each pull begins where the one before ended
      const { responses, more } = await this.#options.client.responses(this.#readUpTo);
      for (const entry of responses) {
        const response = this.#responseOf(entry);
        if (response === undefined) this.#foreignAt ??= entry.number;
        else told.push(response);
        this.#readUpTo = entry.number;
      }
      if (!more) break;
    }
    return told;
  }

  async acknowledge(sequence: number): Promise<void> {
    const upTo = Math.min(sequence, (this.#foreignAt ?? Number.POSITIVE_INFINITY) - 1);
    if (upTo > 0) await this.#options.client.acknowledge(upTo);
  }

  /** undefined: it is not of this campaign. A key that is none means nothing to the campaign, and is acknowledged with the others. */
  #responseOf(entry: EntryRecord): DcoResponse | undefined {
    const { number: sequence, requestId, srv } = entry;
    if (srv === '11.1' && this.#keys.isOwnPart(requestId)) return { sequence, key: '', result: 'success' };
    const key = srv === '11.3' ? this.#keys.keyOf(requestId) : undefined;
    if (key === undefined) return undefined;
    const result = resultOfEntry(entry);
    return result === undefined ? { sequence, key: '', result: 'success' } : { sequence, key, result };
  }

  async #takenBefore(requestId: string, key: string, error: DcoError): Promise<ActivationTaken> {
    const { srv, responses } = await this.#options.client.request(requestId);
    if (srv !== '11.3') throw error;
    const last = responses.at(-1);
    const result = last && resultOfEntry(last);
    if (result !== undefined) this.#found.push({ sequence: 0, key, result });
    return { taken: true };
  }

  #authorise({ userId, deviceId, entryId, ordinal }: Activation): Uint8Array {
    const { crypto, supplierKey, nowS } = this.#options;
    const { imageHash, manifestDigest } = this.#image(entryId);
    const supplier = supplierKey(userId);
    if (supplier === undefined)
      throw new CliError('usage', `no key signs for ${userId}; add --supplier-key ${userId}=PEM`);
    const fields = {
      deviceId: parseDeviceId(deviceId)!,
      imageHash,
      manifestDigest,
      originator: parseDeviceId(userId)!,
      originatorCounter: ordinal,
      notBeforeS: 0,
      notAfterS: Math.floor(nowS()) + AUTHORISATION_DAYS * SECONDS_PER_DAY,
    };
    return runTask(signAuthorisation(fields), crypto, nodeSigner({ supplier }));
  }

  #image(entryId: string): PackagedImage {
    const image = this.#options.images.get(entryId);
    if (image === undefined)
      throw new CliError('usage', `the image of entry ${entryId} is not there; add --package with its file`);
    return image;
  }
}

const SECONDS_PER_DAY = 86_400;
