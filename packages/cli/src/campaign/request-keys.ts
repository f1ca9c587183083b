/**
 * RequestIDs of what a campaign asks of a DCO. They follow from its keys alone, so that asking again, also after a crash, is the same request;
 * and a key is found again from the RequestID of a response, without anything being kept.
 */
import type { Campaign } from '@smets1/campaign';
import type { CryptoPort } from '@smets1/protocol';
import { DCC_ID } from '../dco/request-id.js';
import { PART_BITS, RETRIES_LOOKED_FOR_MAX, SUBMISSION_BITS } from '../limits.js';

const ACTIVATION = 'smets1 campaign 11.3';
const PART = 'smets1 campaign 11.1';
const REQUEST_ID = /^([^:]+):([^:]+):([0-9]+)$/;

export interface RequestKeys {
  /** The 11.3 under a key of the campaign. */
  activation(userId: string, deviceId: string, key: string): string;
  /** The key of an 11.3 of this campaign; undefined for any other request. */
  keyOf(requestId: string): string | undefined;
  /** The 11.1 of one part, from 0 to 255. */
  part(userId: string, key: string, part: number): string;
  /** Whether an 11.1 is of this campaign. */
  isOwnPart(requestId: string): boolean;
}

export function requestKeys({ input, entries, users }: Campaign, crypto: CryptoPort): RequestKeys {
  const number = (what: string, key: string, bits: bigint): bigint => {
    const digest = crypto.sha256([new TextEncoder().encode(`${what}\0${key}`)]);
    return new DataView(digest.buffer, digest.byteOffset).getBigUint64(0) >> (64n - bits);
  };
  // 63 bits: what is above belongs to requests that call others off.
  const activationCounter = (key: string): bigint => number(ACTIVATION, key, 63n);
  const tag = number(PART, input.campaignId, 64n - SUBMISSION_BITS - PART_BITS);
  const hashes = [...new Set([...entries.values()].map((entry) => entry.manufacturerImageHash))];
  return {
    activation: (userId, deviceId, key) => `${userId}:${deviceId}:${activationCounter(key)}`,
    keyOf(requestId) {
      const [, originator = '', deviceId = '', counter = ''] = REQUEST_ID.exec(requestId) ?? [];
      if (!users.has(originator)) return undefined;
      for (const hash of hashes)
        for (let tries = 1; tries <= RETRIES_LOOKED_FOR_MAX; tries += 1) {
          const key = `${input.campaignId}/${deviceId}/${hash}/${tries}`;
          if (String(activationCounter(key)) === counter) return key;
        }
      return undefined;
    },
    part(userId, key, part) {
      const submission = number(PART, key, SUBMISSION_BITS);
      return `${userId}:${DCC_ID}:${(((tag << SUBMISSION_BITS) | submission) << PART_BITS) | BigInt(part)}`;
    },
    isOwnPart(requestId) {
      const [, originator = '', target = '', counter = ''] = REQUEST_ID.exec(requestId) ?? [];
      return users.has(originator) && target === DCC_ID && BigInt(counter) >> (SUBMISSION_BITS + PART_BITS) === tag;
    },
  };
}
