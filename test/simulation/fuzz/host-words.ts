/** What a host says in an update, as frames: inputs to begin with, and the way to bring a meter to any stage. */
import { encodeHostMessage, type HostMessage } from '@smets1/protocol';
import type { Bench } from '../transfers/images.js';

function hostWords(bench: Bench): readonly HostMessage[] {
  const { wanted } = bench.shapes[1]!;
  const { manifest, manifestDigest, otaHeader, gbcsSignature, blocks } = wanted.image;
  const nonce = new Uint8Array(8).fill(5);
  return [
    { kind: 'hello', minor: 0, frameBytesMax: 8_192, nonce },
    { kind: 'offer', replace: true, offerNonce: 1, manifest: manifest.octets, otaHeader, gbcsSignature },
    ...blocks.map((octets, block): HostMessage => ({ kind: 'data', block, offsetBytes: 0, octets })),
    { kind: 'get-map', firstBlock: 0 },
    { kind: 'ping' },
    { kind: 'seal', manifestDigest, nonce },
    { kind: 'activate', authorisation: bench.authorise(wanted, 1), nonce },
    { kind: 'read-version', nonce },
    { kind: 'get-state' },
    { kind: 'abort', reason: 1 },
  ];
}

export function hostFrameSeeds(bench: Bench, sessionTag = 0): readonly Uint8Array[] {
  return hostWords(bench).map((message, i) => encodeHostMessage({ sessionTag, sequence: i + 1, message }));
}
