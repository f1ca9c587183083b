/**
 * Whom the countersigner trusts is told to it at each start by the side that it controls. So it keeps a fingerprint of what it was told
 * first, and starts with nothing else until the owner of its directory has put a file there that names the new one.
 */
import { toHex } from '@smets1/protocol';
import type { CryptoPort, TrustAnchors } from '@smets1/protocol';
import type { ControlPolicy } from '../control-port.js';
import { DcoError } from '../error.js';

/** SHA-256 in hex over keys and policy, in an order of their own. */
export function trustFingerprint(
  crypto: CryptoPort,
  trust: Pick<TrustAnchors, 'manufacturer' | 'supplier'>,
  policy: ControlPolicy,
): string {
  const { perHourMax, perDayMax, requireKnownVersion, users } = policy;
  const canonical = JSON.stringify({
    manufacturer: trust.manufacturer.map(toHex).toSorted(),
    supplier: trust.supplier.map(toHex).toSorted(),
    perHourMax,
    perDayMax,
    requireKnownVersion,
    users: users?.map(({ originator, role }) => `${originator.toUpperCase()} ${role}`).toSorted() ?? 'any',
  });
  return toHex(crypto.sha256([new TextEncoder().encode(`control trust 1\0${canonical}`)]));
}

/** The empty file by which the owner of the control's directory agrees to another trust. */
export function acceptanceName(fingerprint: string): string {
  return `accept-trust-${fingerprint.toLowerCase()}`;
}

export function trustChanged(directory: string, pinned: string, told: string): DcoError {
  return new DcoError(
    'control-trust-changed',
    `the control was started with other trusted keys or another policy than before (${pinned.slice(0, 16)}… was pinned, ${told.slice(0, 16)}… was told); start with what it knows or, when the change is meant, put an empty file ${directory}/${acceptanceName(told)} there and start again`,
  );
}
