/**
 * Hashing, checking and signing as effects: what the protocol asks for, its host performs (synchronously with node:crypto,
 * asynchronously in a browser). Work that needs several such steps is a {@link CryptoTask}, a generator that yields requests.
 */
import { asciiOctets, concat } from './layout/octets.js';

/** Who may sign what: SPEC.md §2. */
export type Role = 'manufacturer' | 'supplier' | 'dco' | 'device';

export type CryptoRequest =
  | { readonly kind: 'sha256'; readonly chunks: readonly Uint8Array[] }
  /** `publicKey`: 65 octets. `s`: 'low' refuses high s, 'either' takes both (GBCS signatures only). */
  | {
      readonly kind: 'verify';
      readonly publicKey: Uint8Array;
      readonly message: Uint8Array;
      readonly signature: Uint8Array;
      readonly s: 'low' | 'either';
    }
  | { readonly kind: 'sign'; readonly role: Role; readonly message: Uint8Array };

/** Answer to a request: digest (32), true/false, or signature (64, low s). */
export type CryptoAnswer = Uint8Array | boolean;

export type CryptoTask<T> = Generator<CryptoRequest, T, CryptoAnswer>;

/** The synchronous crypto of a host. */
export interface CryptoPort {
  sha256(chunks: readonly Uint8Array[]): Uint8Array;
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, s: 'low' | 'either'): boolean;
}

/** Signs for the roles whose private keys this host holds; raw r‖s with low s. */
export interface SignerPort {
  sign(role: Role, message: Uint8Array): Uint8Array;
}

/** Runs a task to its end on a synchronous host. A task that signs needs `signer`. */
export function runTask<T>(task: CryptoTask<T>, crypto: CryptoPort, signer?: SignerPort): T {
  let step = task.next();
  while (step.done !== true) step = task.next(answer(step.value, crypto, signer));
  return step.value;
}

export type AsyncCryptoPort = (request: CryptoRequest) => Promise<CryptoAnswer>;

/** Runs a task to its end on an asynchronous host. */
export async function runTaskAsync<T>(task: CryptoTask<T>, perform: AsyncCryptoPort): Promise<T> {
  let step = task.next();
  // eslint-disable-next-line no-await-in-loop -- each request depends on the answer before it
  while (step.done !== true) step = task.next(await perform(step.value));
  return step.value;
}

function answer(request: CryptoRequest, crypto: CryptoPort, signer: SignerPort | undefined): CryptoAnswer {
  switch (request.kind) {
    case 'sha256':
      return crypto.sha256(request.chunks);
    case 'verify':
      return crypto.verify(request.publicKey, request.message, request.signature, request.s);
    case 'sign':
      if (signer === undefined) throw new TypeError(`no signer for role ${request.role}`);
      return signer.sign(request.role, request.message);
  }
}

export function* sha256(...chunks: readonly Uint8Array[]): CryptoTask<Uint8Array> {
  return (yield { kind: 'sha256', chunks }) as Uint8Array;
}

/** Only `true` is true: an exception of the host, or anything else it answers, refuses. */
export function* verify(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  s: 'low' | 'either' = 'low',
): CryptoTask<boolean> {
  return (yield { kind: 'verify', publicKey, message, signature, s }) === true;
}

export function* sign(role: Role, message: Uint8Array): CryptoTask<Uint8Array> {
  return (yield { kind: 'sign', role, message }) as Uint8Array;
}

/** The contexts that separate what we sign (SPEC.md §2). */
export const CONTEXTS: Readonly<
  Record<'manifest' | 'block' | 'authorisation' | 'countersignature' | 'outcome' | 'session', Uint8Array>
> = {
  manifest: context('manifest'),
  block: context('block'),
  authorisation: context('authorisation'),
  countersignature: context('countersignature'),
  outcome: context('outcome'),
  session: context('session'),
};

function context(kind: string): Uint8Array {
  return concat(asciiOctets(`smets1-ota/${kind}/1`), Uint8Array.of(0));
}

/** Public keys (65 octets each) by the role that they are trusted for. */
export type TrustAnchors = { readonly [R in Exclude<Role, 'device'>]: readonly Uint8Array[] };

/** First 8 octets of SHA-256 of a public key. */
export function* keyIdOf(publicKey: Uint8Array): CryptoTask<Uint8Array> {
  return (yield* sha256(publicKey)).slice(0, 8);
}
