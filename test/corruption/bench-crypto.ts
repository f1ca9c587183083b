/** The demonstration keys and the host's own cryptography: what is shown here holds for the code that ships. */
import { demoKey, nodeCrypto, nodeSigner, type PrivateKey } from '@smets1/host';
import { runTask, type CryptoTask, type Role, type TrustAnchors } from '@smets1/protocol';

export const KEYS: Readonly<Record<Role, PrivateKey>> = {
  manufacturer: demoKey('manufacturer'),
  supplier: demoKey('supplier'),
  dco: demoKey('dco'),
  device: demoKey('device'),
};

export const TRUST: TrustAnchors = {
  manufacturer: [KEYS.manufacturer.publicKey],
  supplier: [KEYS.supplier.publicKey],
  dco: [KEYS.dco.publicKey],
};

const crypto = nodeCrypto();
const signer = nodeSigner(KEYS);

export function run<T>(task: CryptoTask<T>): T {
  return runTask(task, crypto, signer);
}
