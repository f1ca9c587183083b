/** Goal: SPEC.md says what the code does. Its generated sections are the code's, and its examples decode, verify and encode to the same octets. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { verifyAuthorisation } from './authorisation/authorisation.js';
import { verifyOutcome } from './authorisation/outcome.js';
import { crc32 } from './layout/crc.js';
import { concat, fromHex, toHex } from './layout/octets.js';
import * as limits from './limits.js';
import { cobsDecode, cobsEncode } from './frame/cobs.js';
import { decodeHostMessage, decodeMeterMessage, encodeHostMessage, encodeMeterMessage } from './message/envelope.js';
import { HOST_TYPES } from './message/host-messages.js';
import { METER_TYPES } from './message/meter-messages.js';
import { decodeManifest, manifestDigest, verifyManifest } from './package/manifest.js';
import { checkOffer } from './receiver/offer.js';
import { REFUSAL_CODES } from './refusal.js';
import { keys, nodeCrypto, run, trust } from './test-support/node-crypto.test-support.js';

const SPEC = new URL('../docs/SPEC.md', import.meta.url);
const text = readFileSync(SPEC, 'utf8');
/** What stands in the fenced block after `label`. */
function example(label: string): Uint8Array {
  const at = text.indexOf(`\n${label}:`);
  const [, hex] = /```text\n([^`]*)```/.exec(text.slice(at))!;
  expect(at, label).toBeGreaterThan(0);
  return fromHex(hex!)!;
}

interface FrameVector {
  readonly sessionTag: number;
  readonly frames: Readonly<Record<string, string>>;
  readonly cobs: { readonly plain: string; readonly encoded: string };
}
const vector = JSON.parse(readFileSync(new URL('../docs/vectors/frames.json', import.meta.url), 'utf8')) as FrameVector;
const frameOf = (name: string): Uint8Array => fromHex(vector.frames[name]!)!;

describe('SPEC.md', () => {
  it('has the limits and examples that the code writes; else run: node protocol/scripts/write-spec.mjs', () => {
    const script = fileURLToPath(new URL('../scripts/write-spec.mjs', import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('lists every limit with its value', () => {
    for (const [name, value] of Object.entries(limits)) {
      const row = new RegExp(`^\\| \`${name}\` +\\| ([0-9,.]+) +\\|$`, 'm').exec(text);
      expect(row?.[1]?.replaceAll(',', ''), name).toBe(String(value));
    }
  });

  it('lists every refusal code with its number', () => {
    const section = text.slice(text.indexOf('## 13'), text.indexOf('## 14'));
    const listed = new Map(
      [...section.matchAll(/\| *(\d+) *\| *(\w+) */g)].map(([, code, name]) => [name, Number(code)]),
    );
    expect(Object.fromEntries(listed)).toEqual(REFUSAL_CODES);
  });

  it('lists every message type', () => {
    const section = text.slice(text.indexOf('## 9.'), text.indexOf('### 9.1'));
    const types = [...section.matchAll(/^\| *`([0-9A-F]{2})` *\|/gm)].map(([, hex]) => Number.parseInt(hex!, 16));
    expect(types).toEqual([...Object.values(HOST_TYPES), ...Object.values(METER_TYPES)]);
  });
});

describe('the worked examples of SPEC.md', () => {
  it('have a manifest whose signature, key id and digest hold', () => {
    const decoded = decodeManifest(example('Manifest'));
    expect(decoded.ok).toBe(true);
    if (!decoded.ok) return;
    expect(run(verifyManifest(decoded.value, [example('Public key, manufacturer')]))).toMatchObject({ ok: true });
    expect(run(manifestDigest(decoded.value))).toEqual(example('Manifest digest'));
  });

  it('have a block message that its signature covers', () => {
    const message = example('What the signature of block 2 covers');
    expect(nodeCrypto.verify(keys.manufacturer.publicKey, message, example('Its signature'), 'low')).toBe(true);
    expect(nodeCrypto.verify(keys.supplier.publicKey, message, example('Its signature'), 'low')).toBe(false);
  });

  it('have a container head whose CRC-32 is the one shown', () => {
    const head = concat(
      example('Head of the package'),
      example('Manifest'),
      example('OTA header'),
      example('GBCS signature'),
    );
    const crc = crc32(head);
    expect(toHex(example('CRC-32 of the head'))).toBe(toHex(Uint8Array.of(crc, crc >>> 8, crc >>> 16, crc >>> 24)));
  });

  it('have an authorisation and an outcome that verify', () => {
    expect(run(verifyAuthorisation(example('Authorisation'), trust))).toMatchObject({ ok: true });
    expect(
      run(verifyOutcome(example('Outcome of kind activation, code success'), example('Public key, device'))),
    ).toMatchObject({ ok: true });
  });

  it('have every message, as another program encodes it', () => {
    const seen = new Set<string>();
    for (const [name, hex] of Object.entries(vector.frames)) {
      const octets = fromHex(hex)!;
      expect(toHex(example(name)), name).toBe(toHex(octets));
      const host = decodeHostMessage(octets);
      const meter = decodeMeterMessage(octets);
      if (host.kind === 'message') expect(toHex(encodeHostMessage(host.envelope)), name).toBe(toHex(octets));
      else if (meter.kind === 'message') expect(toHex(encodeMeterMessage(meter.envelope)), name).toBe(toHex(octets));
      else throw new Error(`${name} is no message`);
      if (host.kind === 'message') seen.add(host.envelope.message.kind);
      if (meter.kind === 'message') seen.add(meter.envelope.message.kind);
    }
    expect([...seen].toSorted()).toEqual([...Object.keys(HOST_TYPES), ...Object.keys(METER_TYPES)].toSorted());
  });

  it('mean what the other program meant', () => {
    const message = (name: string): unknown => {
      const decoded = decodeHostMessage(frameOf(name));
      const heard = decoded.kind === 'message' ? decoded : decodeMeterMessage(frameOf(name));
      return heard.kind === 'message' ? heard.envelope : undefined;
    };
    expect(message('SACK')).toMatchObject({
      sessionTag: vector.sessionTag,
      sequence: 3,
      message: {
        highest: 4,
        bitmap: Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0),
        creditBlocks: 6,
        heldMs: 12,
        durableCount: 2,
        durableFrom: 0,
        durable: Uint8Array.of(3),
        ranges: [{ block: 2, offsetBytes: 0, lengthBytes: 32 }],
        receivedBytes: 672,
        storedBytes: 640,
      },
    });
    expect(message('HELLO of the meter')).toMatchObject({
      message: {
        bootEpoch: 5,
        phase: 'empty',
        blockShiftMax: 16,
        slotBytes: 1_048_576,
        blockCountMax: 65_535,
        windowBlocks: 16,
        originatorCounter: 0x0102030405060707n,
      },
    });
    expect(message('ACCEPT')).toMatchObject({
      message: { status: 'send', blockShift: 8, creditBlocks: 4, frameBytesMax: 8_192, offerNonce: 0x0badcafe },
    });
    expect(message('DATA')).toMatchObject({ sequence: 4, message: { block: 2, offsetBytes: 0 } });
    expect(message('NACK')).toMatchObject({ message: { cause: 'spoilt', block: 1, offsetBytes: 0, lengthBytes: 320 } });
    expect(message('STATE of the meter')).toMatchObject({
      message: { phase: 'receiving', durableCount: 2, blockCount: 3 },
    });
    expect(message('REFUSE')).toMatchObject({
      message: { code: REFUSAL_CODES.counterTooLow, requestType: 2, detail: 3 },
    });
    expect(message('BUSY')).toMatchObject({ message: { cause: 'erasing', etaMs: 500 } });
    expect(message('ALERT')).toMatchObject({ message: { alertCode: 0x8f72, timestampS: 1_700_000_000 } });
    for (const name of ['SEALED', 'OUTCOME', 'OUTCOME of a version']) {
      const { message: said } = message(name) as { message: { outcome: Uint8Array } };
      expect(run(verifyOutcome(said.outcome, keys.device.publicKey)), name).toMatchObject({ ok: true });
    }
  });

  it('have the session tag that a meter makes of that offer', () => {
    const decoded = decodeHostMessage(frameOf('OFFER'));
    if (decoded.kind !== 'message' || decoded.envelope.message.kind !== 'offer') throw new Error('no offer');
    expect(run(checkOffer(decoded.envelope.message, trust.manufacturer, 5))).toMatchObject({
      ok: true,
      value: { sessionTag: vector.sessionTag },
    });
  });

  it('have a COBS example with a run of 254 octets', () => {
    const plain = example('254 octets that are not zero, a zero, and three more');
    const encoded = example('The same, encoded');
    expect(cobsEncode(plain)).toEqual(encoded);
    expect(cobsDecode(encoded.subarray(0, -1))).toEqual(plain);
    expect(toHex(encoded)).toBe(vector.cobs.encoded.toUpperCase());
  });
});
