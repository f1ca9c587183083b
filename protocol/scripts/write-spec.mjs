// Writes the two generated sections of docs/SPEC.md from the code: §12 the limits, §15 the worked examples.
//
//   node protocol/scripts/write-spec.mjs           writes them
//   node protocol/scripts/write-spec.mjs --check   ends with 1 when they are not what the code says
//
// It reads dist/, so build first. The examples are made from docs/vectors/: each object is decoded and encoded again by the code, and must
// come out as the octets that another program made.
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import * as protocol from '../dist/index.js';
import * as limits from '../dist/limits.js';

const SPEC = new URL('../docs/SPEC.md', import.meta.url);
const vector = (name) => JSON.parse(readFileSync(new URL(`../docs/vectors/${name}.json`, import.meta.url), 'utf8'));
const { fromHex, toHex } = protocol;

function replaceSection(text, name, lines) {
  const begin = `<!-- ${name}:begin -->`;
  const end = `<!-- ${name}:end -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`SPEC.md has no ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${lines.join('\n')}\n\n${text.slice(to)}`;
}

/** What SPEC.md must read. */
function written(text) {
  return replaceSection(replaceSection(text, 'limits', limitLines()), 'examples', exampleLines());
}

// §12. A name says its unit; what the code derives from other limits stands here as a number.

function limitLines() {
  const rows = Object.entries(limits).map(([name, value]) => [`\`${name}\``, grouped(value)]);
  return tableOf([['name', 'value'], ...rows]);
}

/** As prettier lays it out, so that formatting the page changes nothing. */
function tableOf(rows) {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const [head, ...body] = rows;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)];
}

function grouped(value) {
  const [whole, part] = String(value).split('.');
  const digits = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return part === undefined ? digits : `${digits}.${part}`;
}

// §15.

function exampleLines() {
  const three = vector('three-blocks');
  const { frames, cobs, sessionTag } = vector('frames');
  const octets = (name) => fromHex(three[name]);
  const lines = [
    'All hexadecimal, octets in the order of the wire. The image has 600 octets, in three blocks of 2^8; octet _i_ of it is `(7 i + ⌊i / 8⌋) mod 256`.',
    "The keys are known to everybody: a private key is one octet 32 times over, `11` the manufacturer's, `12` the supplier's, `13` the DCO's, `14` the",
    "device's. ECDSA signatures are random: yours will differ, and must verify. Whole files: [vectors](vectors/README.md).",
  ];
  const section = (title) => lines.push('', `### ${title}`);
  const show = (label, hex, note = '') =>
    lines.push('', `${label}:${note === '' ? '' : ` ${note}`}`, '', '```text', ...wrapped(hex), '```');

  section('15.1 Keys');
  for (const [role, hex] of Object.entries(three.publicKeys)) show(`Public key, ${role}`, hex);

  section('15.2 Manifest');
  const manifest = checked(protocol.decodeManifest(octets('manifest')));
  lines.push('', `Key id of the manufacturer: \`${toHex(manifest.keyId)}\`. Label: ${manifest.label}`);
  show('Manifest', three.manifest);
  show(
    'What its signature covers begins with',
    toHex(protocol.CONTEXTS.manifest) + three.manifest.slice(0, 32),
    '(context, then the manifest up to its signature)',
  );
  show('Manifest digest', three.manifestDigest);
  same('manifest', toHex(manifest.octets), three.manifest);

  section('15.3 Block signature');
  const container = checked(protocol.readContainer(octets('package')));
  const digest = octets('manifestDigest');
  const block = container.blocks[2];
  const payload = block.subarray(0, block.length - limits.SIGNATURE_BYTES);
  const message = protocol.blockMessage(digest, 2, manifest.blockCount, payload);
  show(
    'What the signature of block 2 covers',
    toHex(message),
    '(context, manifest digest, index, count, length, payload)',
  );
  show('Its signature', toHex(block.subarray(payload.length)));

  section('15.4 Container');
  const headBytes = protocol.containerHeadBytes(manifest);
  show(
    'Head of the package',
    three.package.slice(0, 2 * limits.CONTAINER_FIXED_BYTES),
    '(manifest, OTA header and GBCS signature follow)',
  );
  show('OTA header', toHex(container.otaHeader));
  show('GBCS signature', toHex(container.gbcsSignature), '(its s is high)');
  show(
    'CRC-32 of the head',
    three.package.slice(2 * (headBytes - limits.CRC32_BYTES), 2 * headBytes),
    `(octets 0 to ${headBytes - limits.CRC32_BYTES - 1})`,
  );
  show('CRC-32 of block 2', three.package.slice(-2 * limits.CRC32_BYTES));

  section('15.5 Authorisation');
  const authorisation = checked(protocol.decodeAuthorisation(octets('authorisation')));
  lines.push(
    '',
    `For meter ${protocol.formatDeviceId(authorisation.deviceId)}, counter \`${authorisation.originatorCounter.toString(16).padStart(16, '0').toUpperCase()}\`.`,
  );
  show('Authorisation', three.authorisation, '(body 104, supplier signature, countersignature)');

  section('15.6 Outcome');
  // What stands between the 14 octets of header and the CRC-32 of its frame.
  const signed = frames.OUTCOME.slice(2 * 14, -2 * limits.CRC32_BYTES);
  const outcome = checked(protocol.decodeOutcome(fromHex(signed)));
  show(
    `Outcome of kind ${outcome.kind}, code ${outcome.code}`,
    signed,
    `(bootEpoch ${outcome.bootEpoch}: after the restart)`,
  );
  same('outcome', toHex(protocol.encodeOutcomeBody(outcome)), signed.slice(0, 2 * 144));

  section('15.7 Every message once');
  lines.push(
    '',
    `Frames before COBS. The session tag is the one of §10.4 for bootEpoch 5 and offerNonce \`0BADCAFE\`: \`${sessionTag.toString(16).padStart(8, '0').toUpperCase()}\`, sent \`${toHex(little(sessionTag))}\`.`,
  );
  lines.push(
    '',
    'These are examples of the format, with the tags and numbers shown, in the order of one plausible conversation of which not every frame is here (the last two',
    'are of others; every nonce is the same, which a host never does). The meter has a window of 4 blocks, so ACCEPT gives creditBlocks 4. DATA 1 carries block 0;',
    'DATA 2 carries block 1 and comes with its body spoilt (NACK); DATA 3 carries block 1 again; DATA 4 is shown. So SACK names 4 as highest and 3 and 1 below it,',
    'not 2; receivedBytes is 320 + 320 + 32, since what came spoilt does not count; two blocks are durable: storedBytes is 640, creditBlocks 4 + 2. ACTIVATE is the one',
    'said again after the restart, and its OUTCOME has the next bootEpoch.',
  );
  for (const [name, hex] of Object.entries(frames)) {
    same(name, toHex(again(fromHex(hex))), hex);
    show(name, hex);
  }

  section('15.8 COBS');
  same('COBS', toHex(protocol.cobsEncode(fromHex(cobs.plain))), cobs.encoded);
  same('COBS of PING', toHex(protocol.cobsEncode(fromHex(frames.PING))), cobs.ping);
  show('254 octets that are not zero, a zero, and three more', cobs.plain);
  show(
    'The same, encoded',
    cobs.encoded,
    '(a full piece stands for no zero: the zero after it is a piece of its own, code `01`)',
  );
  show('PING, encoded', cobs.ping);
  return lines;
}

/** The frame decoded and encoded again by the code, whichever side it comes from. */
function again(frame) {
  const fromHost = protocol.decodeHostMessage(frame);
  if (fromHost.kind === 'message') return protocol.encodeHostMessage(fromHost.envelope);
  const fromMeter = protocol.decodeMeterMessage(frame);
  if (fromMeter.kind === 'message') return protocol.encodeMeterMessage(fromMeter.envelope);
  throw new Error(`no message: ${toHex(frame)}`);
}

function checked(answer) {
  if (!answer.ok) throw new Error(answer.fault.detail);
  return answer.value;
}

function same(name, ours, theirs) {
  if (ours.toUpperCase() !== theirs.toUpperCase())
    throw new Error(`${name}: the code makes ${ours}, the vector says ${theirs}`);
}

function little(value) {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

function wrapped(hex) {
  return hex
    .toUpperCase()
    .match(/.{1,64}/g)
    .map((line) => line.match(/.{1,8}/g).join(' '));
}

const text = readFileSync(SPEC, 'utf8');
const expected = written(text);
if (process.argv.includes('--check')) {
  if (text !== expected) {
    console.error('SPEC.md §12 or §15 is not what the code says. Run: node protocol/scripts/write-spec.mjs');
    process.exitCode = 1;
  }
} else {
  writeFileSync(SPEC, expected);
}
