/**
 * The second look at what is about to run. It reads the header anew and shares no expectation with the first one (slot.ts), so that
 * one decision gone wrong in either of them, by a glitch or by a mistake, does not start an image that does not verify.
 */
import { TRIAL_STARTS_MAX } from '@smets1/protocol';
import type { FlashPort } from '../flash/flash-port.js';
import type { DeviceIdentity } from '../meter/identity.js';
import type { BootPorts, ImageHeader } from './boot-crypto.js';
import type { BootState, SlotIndex } from './boot-state.js';
import { floorOf } from './boot-state.js';
import { readHeaderOf } from './slot.js';

/** What boot has decided to run. */
export interface Run {
  readonly phase: 'confirmed' | 'trial' | 'fallback';
  readonly slot: SlotIndex;
  readonly header: ImageHeader;
  /** The octets of the image as the first look read them: what is verified is what runs. */
  readonly image: Uint8Array;
}

const SHARES = {
  named: 0x40a1_0203,
  digest: 0x0883_9010,
  signed: 0x1002_c404,
  floor: 0x0220_1070,
  device: 0x0011_2900,
};

/** The one answer that lets an image run; a share of it for each condition. Nothing that is merely true equals it. */
export const RUN_GRANTED: number = Object.values(SHARES).reduce((sum, share) => sum + share, 0);

/**
 * {@link RUN_GRANTED}, or anything else where the image is not what the state names.
 * @param state - With the trial's count as it will be recorded.
 */
export function lookAgain(
  flash: FlashPort,
  ports: BootPorts,
  state: BootState,
  run: Run,
  identity: DeviceIdentity | undefined,
): number {
  const { image } = run;
  const header = readHeaderOf(flash, ports, run.slot);
  if (header === undefined) return 0;
  const named = namedBy(state, run);
  let granted = 0;
  if (named !== undefined && named.slot === run.slot) granted += SHARES.named;
  if (named !== undefined && differingBits(ports.crypto.sha256([image]), named.imageHash) === 0) {
    granted += SHARES.digest;
  }
  if (image.length === header.imageBytes && isSigned(ports, header, image)) granted += SHARES.signed;
  // The image before the confirmed one is below the floor as it is; its hash is what names it.
  const floor = run.phase === 'fallback' ? 0 : floorOf(state);
  if (header.securityCounter - floor >= 0) granted += SHARES.floor;
  if (identity !== undefined && foreignness(header, identity) === 0) granted += SHARES.device;
  return granted;
}

function namedBy(
  { confirmed, pending, trial }: BootState,
  { phase }: Run,
): { readonly slot: SlotIndex; readonly imageHash: Uint8Array } | undefined {
  switch (phase) {
    case 'confirmed':
      return confirmed;
    case 'fallback':
      return confirmed?.previous;
    case 'trial':
      return trial !== undefined && trial.bootCount >= 1 && trial.bootCount <= TRIAL_STARTS_MAX ? pending : undefined;
  }
}

function isSigned(ports: BootPorts, header: ImageHeader, image: Uint8Array): boolean {
  try {
    return header.check(ports.crypto, [image]);
  } catch {
    return false;
  }
}

function foreignness(header: ImageHeader, identity: DeviceIdentity): number {
  const { manufacturerCode, imageType, hardwareVersion } = identity;
  const below = Math.max(0, header.hardwareMin - hardwareVersion);
  const above = Math.max(0, hardwareVersion - header.hardwareMax);
  return (header.manufacturerCode ^ manufacturerCode) | (header.imageType ^ imageType) | below | above;
}

/** Not `sameOctets`: that one has answered already. An octet that only one of them has differs. */
function differingBits(a: Uint8Array, b: Uint8Array): number {
  let bits = 0;
  for (let i = 0; i < Math.max(a.length, b.length); i++) bits |= (a[i] ?? 0x100) ^ (b[i] ?? 0x200);
  return bits;
}
