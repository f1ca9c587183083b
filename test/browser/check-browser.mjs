// Proves that nothing in protocol needs Node: bundles it as a browser would get it, loads the bundle where no Node exists, and verifies a
// package there with cryptography given from outside. Last line: `N passed, N failed`.
//
//   npm run check:browser
import { createPublicKey, verify as nodeVerify, createHash, webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import { build } from 'vite';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY = fileURLToPath(new URL('../../protocol/dist/index.js', import.meta.url));
const three = JSON.parse(
  readFileSync(new URL('../../protocol/docs/vectors/three-blocks.json', import.meta.url), 'utf8'),
);
const frames = JSON.parse(
  readFileSync(new URL('../../protocol/docs/vectors/frames.json', import.meta.url), 'utf8'),
).frames;

/** The bundle's text; nothing is written. */
async function bundle() {
  const output = await build({
    root: ROOT,
    configFile: false,
    logLevel: 'warn',
    build: {
      write: false,
      minify: false,
      target: 'es2023',
      lib: { entry: ENTRY, formats: ['es'], fileName: 'protocol' },
    },
  });
  const chunks = output.flatMap(({ output: files }) => files).filter(({ type }) => type === 'chunk');
  equal(chunks.length, 1, 'chunks');
  return chunks[0].code;
}

/** The bundle's exports, in a realm that has the language and nothing else. */
async function load(code) {
  const context = vm.createContext(Object.create(null), { codeGeneration: { strings: false, wasm: false } });
  for (const name of ['process', 'Buffer', 'require', 'setTimeout', 'TextEncoder', 'performance', 'crypto']) {
    equal(vm.runInContext(`typeof ${name}`, context), 'undefined', `${name} in the realm`);
  }
  const module = new vm.SourceTextModule(code, { context, identifier: 'protocol' });
  await module.link((name) => {
    throw new Error(`the bundle imports ${name}`);
  });
  await module.evaluate();
  const OctetArray = vm.runInContext('Uint8Array', context);
  return {
    protocol: module.namespace,
    octets: (source) => OctetArray.from(source),
    hex: (text) => OctetArray.from(Buffer.from(text, 'hex')),
  };
}

function syncCrypto(octets) {
  return {
    sha256: (chunks) => octets(chunks.reduce((hash, chunk) => hash.update(chunk), createHash('sha256')).digest()),
    verify: (publicKey, message, signature) => {
      const key = createPublicKey({
        key: { kty: 'EC', crv: 'P-256', x: part(publicKey, 1), y: part(publicKey, 33) },
        format: 'jwk',
      });
      return nodeVerify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
    },
  };
}

/** As in a browser: the one of the W3C, which answers later. */
function laterCrypto(octets) {
  const { subtle } = webcrypto;
  return async (request) => {
    if (request.kind === 'sha256')
      return octets(
        new Uint8Array(
          await subtle.digest('SHA-256', Buffer.concat(request.chunks.map((chunk) => Buffer.from(chunk)))),
        ),
      );
    if (request.kind !== 'verify') throw new Error(`no ${request.kind} here`);
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const key = await subtle.importKey('raw', Buffer.from(request.publicKey), algorithm, false, ['verify']);
    return subtle.verify(algorithm, key, Buffer.from(request.signature), Buffer.from(request.message));
  };
}

function part(publicKey, from) {
  return Buffer.from(publicKey.subarray(from, from + 32)).toString('base64url');
}

function equal(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what}: ${String(actual)}, not ${String(expected)}`);
}

let passed = 0;
let failed = 0;
async function check(name, body) {
  try {
    const result = await body();
    passed++;
    console.log(`ok    ${name}`);
    return result;
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

const code = await check('protocol bundles for browsers into one module', bundle);
if (code !== undefined) {
  await check('the bundle names no module of Node', () => {
    const found = /from\s*["'](?:node:)?[a-z/]+["']|["']node:[a-z/]+["']|\brequire\(/.exec(code);
    if (found !== null) throw new Error(found[0]);
  });
}
const loaded =
  code === undefined ? undefined : await check('the bundle loads where there is no Node', () => load(code));
if (loaded !== undefined) {
  const { protocol, octets, hex } = loaded;
  const packageOctets = hex(three.package);
  const trust = {
    manufacturer: [hex(three.publicKeys.manufacturer)],
    supplier: [hex(three.publicKeys.supplier)],
    dco: [hex(three.publicKeys.dco)],
  };

  await check('the portable CRCs have their check values', () => {
    const digits = protocol.asciiOctets('123456789');
    equal(protocol.crc32(digits), 0xcbf43926, 'CRC-32');
    equal(protocol.crc16(digits), 0x29b1, 'CRC-16');
  });
  await check('a package verifies', () => {
    const verified = protocol.runTask(protocol.verifyPackage(packageOctets, trust), syncCrypto(octets));
    equal(verified.ok, true, 'verified');
    equal(protocol.toHex(verified.value.imageHash), three.imageHash.toUpperCase(), 'image hash');
  });
  await check('a package verifies with cryptography that answers later', async () => {
    const verified = await protocol.runTaskAsync(protocol.verifyPackage(packageOctets, trust), laterCrypto(octets));
    equal(verified.ok, true, 'verified');
  });
  await check('a package with one bit of a payload flipped is refused', async () => {
    const spoilt = octets(packageOctets);
    spoilt[spoilt.length - 100] ^= 1;
    const answer = await protocol.runTaskAsync(protocol.verifyPackage(spoilt, trust), laterCrypto(octets));
    equal(answer.ok ? 'verified' : answer.fault.code, 'badCrc', 'answer');
  });
  await check('an authorisation verifies, and not with the keys exchanged', async () => {
    const authorisation = hex(three.authorisation);
    const good = await protocol.runTaskAsync(protocol.verifyAuthorisation(authorisation, trust), laterCrypto(octets));
    equal(good.ok, true, 'verified');
    const exchanged = { supplier: trust.dco, dco: trust.supplier };
    const bad = await protocol.runTaskAsync(
      protocol.verifyAuthorisation(authorisation, exchanged),
      laterCrypto(octets),
    );
    equal(bad.ok ? 'verified' : bad.fault.code, 'supplierSignatureBad', 'answer');
  });
  await check('every message is read and written as everywhere', () => {
    for (const [name, text] of Object.entries(frames)) {
      const frame = hex(text);
      const host = protocol.decodeHostMessage(frame);
      const meter = protocol.decodeMeterMessage(frame);
      const again =
        host.kind === 'message'
          ? protocol.encodeHostMessage(host.envelope)
          : protocol.encodeMeterMessage(meter.envelope);
      equal(protocol.toHex(again), text.toUpperCase(), name);
      const line = protocol.decodeFromLine(protocol.lineDecoder('stream'), protocol.encodeForLine('stream', frame));
      equal(protocol.toHex(line.frames[0]), text.toUpperCase(), `${name} through COBS`);
    }
  });
  await check('a sender begins', () => {
    const plan = {
      image: undefined,
      authorisation: undefined,
      replace: false,
      deviceId: undefined,
      octetsPerSecond: undefined,
      random: octets([1, 2, 3, 4, 5, 6, 7, 8]),
    };
    const { effects } = protocol.stepSender(protocol.startSender(plan, 0), { kind: 'link-up' }, 0);
    equal(effects[0].envelope.message.kind, 'hello', 'first message');
  });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
