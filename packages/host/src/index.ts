/** What runs the machines: cryptography, keys, links, files and virtual time behind the ports of the protocol. */
export { HostError } from './error.js';
export type { HostErrorCode } from './error.js';
export { nodeCrypto, nodeSigner } from './crypto/node-crypto.js';
export { isModelKey, modelCrypto, modelKey } from './crypto/model-crypto.js';
export { demoKey, isDemoPublicKey } from './keys/demo-keys.js';
export { loadPrivateKey, loadPublicKey } from './keys/key-file.js';
export type { KeyOptions } from './keys/key-file.js';
export { generateKeyPair, publicKeyPem } from './keys/key-pair.js';
export type { KeyPairPem } from './keys/key-pair.js';
export type { PrivateKey } from './keys/private-key.js';
export { nodeRandom, nodeTime } from './loop/ports.js';
export type { RandomPort, TimePort } from './loop/ports.js';
export { runSender } from './loop/run-sender.js';
export type { LinkEvent, SendOptions, SendReport } from './loop/run-sender.js';
export { hostMeter } from './loop/host-meter.js';
export type { HostedMeter, HostMeterOptions } from './loop/host-meter.js';
export type { MeterPort } from './loop/meter-port.js';
