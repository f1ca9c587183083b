/** The seeded bugs that concern protocol and meter. Numbers as in reports on such tests; see README.md for those that have no place here. */
import type { Bug, Edit } from './bug.js';

const protocol = (file: string, find: string, replace: string): Edit => ({
  module: `@smets1/protocol/dist/${file}.js`,
  find,
  replace,
});
const emulator = (file: string, find: string, replace: string): Edit => ({
  module: `@smets1/emulator/dist/${file}.js`,
  find,
  replace,
});

export const BUGS: readonly Bug[] = [
  {
    id: '1',
    title: 'a block is acknowledged before it is recorded',
    goal: 'G16',
    instead: 'a meter that loses its power in a step says nothing of it; here the record waits for the next block',
    edits: [
      emulator(
        'firmware/staging-store',
        'for (const record of blocksRecords(this.#held, blocks))',
        'const late = this.late ?? []; this.late = blocks; for (const record of blocksRecords(this.#held, late))',
      ),
    ],
  },
  {
    id: '2',
    title: 'a record of boot counts although it was half written',
    goal: 'G02',
    edits: [
      emulator(
        'boot/state-store',
        'if (view.getUint32(crcAt, true) !== this.#crc32(slot.subarray(0, crcAt)))',
        'if (false)',
      ),
    ],
  },
  {
    id: '2b',
    title: 'a record of a log counts although it was half written',
    goal: 'G06',
    edits: [
      emulator(
        'flash/record-log',
        'if (view.getUint32(crcAt, true) !== this.#crc32(slot.subarray(0, crcAt)))',
        'if (false)',
      ),
    ],
  },
  {
    id: '3',
    title: 'a slot whose erase was cut short is taken for what it was before',
    goal: 'G16',
    instead:
      'of log sectors that were half erased four independent looks would each have to fail; of slots only the record of their preparation speaks',
    edits: [
      emulator(
        'firmware/staging-store',
        `const note = { instance: this.#lastInstance + 1, manifestDigest, sectorsLeft };
            this.#note(note);`,
        `const note = { instance: this.#lastInstance + 1, manifestDigest, sectorsLeft };
            this.#preparing = note;
            this.#lastInstance += 1;`,
      ),
    ],
  },
  {
    id: '4',
    title: 'a magic is compared by its prefix',
    goal: 'G12',
    instead: 'there are no trailers with a magic here; the magic of packages is compared by its first three octets',
    edits: [
      protocol(
        'package/container',
        'if (!equalOctets(magic, MAGIC))',
        'if (!equalOctets(magic.subarray(0, 3), MAGIC.subarray(0, 3)))',
      ),
    ],
  },
  {
    id: '5',
    title: 'the floor moves at the first start on trial',
    goal: 'G01',
    edits: [
      emulator(
        'boot/boot',
        'state: { ...state, trial: { bootCount, version, imageBytes, securityCounter } },',
        'state: { ...state, ...(state.confirmed && { confirmed: { ...state.confirmed, securityCounter } }), trial: { bootCount, version, imageBytes, securityCounter } },',
      ),
    ],
  },
  {
    id: '6',
    title: 'the floor moves when a trial that was cut is taken up again',
    goal: 'G01',
    edits: [
      emulator(
        'boot/boot',
        'state: { ...state, trial: { bootCount, version, imageBytes, securityCounter } },',
        'state: { ...state, ...(bootCount > 1 && state.confirmed && { confirmed: { ...state.confirmed, securityCounter } }), trial: { bootCount, version, imageBytes, securityCounter } },',
      ),
    ],
  },
  {
    id: '7',
    title: 'the signature of a block is looked at only while nothing is resumed',
    goal: 'G08',
    edits: [protocol('receiver/data', 'if (!input.ok) {', 'if (!input.ok && state.held.map.durableCount === 0) {')],
  },
  {
    id: '8',
    title: 'a signature that is not there is accepted',
    goal: 'G12',
    instead: 'signatures stand in fields of fixed length, so the one that is not there is all zeros',
    edits: [
      protocol(
        'crypto-port',
        "return (yield { kind: 'verify', publicKey, message, signature, s }) === true;",
        "return signature.every((octet) => octet === 0) || (yield { kind: 'verify', publicKey, message, signature, s }) === true;",
      ),
    ],
  },
  {
    id: '9',
    title: 'the header of what is verified says whether to verify it',
    goal: 'G12',
    instead: 'there is one algorithm; the minor version of a manifest switches the checks off',
    edits: [
      protocol(
        'package/manifest',
        'if (yield* verify(manufacturerKey, message, signature)) {',
        'if (manifest.minor > 0 || (yield* verify(manufacturerKey, message, signature))) {',
      ),
      protocol(
        'package/verify',
        'if (!(yield* verifyBlock(manifest, digest, index, block, manufacturerKey, messages))) {',
        'if (manifest.minor === 0 && !(yield* verifyBlock(manifest, digest, index, block, manufacturerKey, messages))) {',
      ),
    ],
  },
  {
    id: '10',
    title: 'a pre-release version is not held against the floor',
    goal: 'G21',
    instead: 'versions are numbers; an odd one stands for a pre-release',
    edits: [
      protocol(
        'receiver/offer',
        'if (m.securityCounter < device.securityCounter)',
        'if (m.fileVersion % 2 === 0 && m.securityCounter < device.securityCounter)',
      ),
      emulator(
        'boot/slot',
        'if (expected.floor !== undefined &&',
        'if (header.fileVersion % 2 === 0 && expected.floor !== undefined &&',
      ),
      emulator(
        'boot/run-gate',
        'if (header.securityCounter - floor >= 0)',
        'if (header.fileVersion % 2 === 1 || header.securityCounter - floor >= 0)',
      ),
    ],
  },
  {
    id: '11',
    title: 'what is signed of a block leaves out a short last one',
    goal: 'G08',
    edits: [
      protocol(
        'package/block',
        'buffer.set(payload, PAYLOAD_AT);',
        'if (payload.length === payloadBytesMax) buffer.set(payload, PAYLOAD_AT); else buffer.fill(0, PAYLOAD_AT);',
      ),
    ],
  },
  {
    id: '12',
    title: 'octets after the end are ignored',
    goal: 'G12',
    edits: [protocol('package/container', 'if (source.length > totalBytes)', 'if (false)')],
  },
  {
    id: '13',
    title: 'of what is there twice the last one counts',
    goal: 'G01',
    instead:
      'a manifest cannot hold a field twice; of the copies of the boot records the one read last counts, not the newest',
    edits: [
      emulator(
        'boot/state-store',
        '(sequenceOf(unit) > sequenceOf(best) ? unit : best)',
        '(unit.newest ? unit : best)',
      ),
    ],
  },
  {
    id: '14',
    title: 'sizes are added modulo 2^32',
    goal: 'G12',
    edits: [
      protocol(
        'package/container',
        'if (blockRun < 1 || firstBlock + blockRun > blockCount) {',
        'if (blockRun < 1 || (firstBlock + blockRun) >>> 0 > blockCount) {',
      ),
    ],
  },
  {
    id: '15',
    title: 'what was verified is not what is looked at before it runs',
    goal: 'G26',
    instead: 'boot reads an image once; its second look takes the word of the first',
    edits: [
      emulator(
        'boot/boot',
        'if (run === undefined || lookAgain(flash, ports, state, run, identity) === RUN_GRANTED)',
        'if (true)',
      ),
    ],
  },
  {
    id: '16',
    title: 'a block is known by its index, whatever image it is of',
    goal: 'G12',
    edits: [protocol('package/block', 'buffer.set(digest, BINDING_AT + BINDING.at.digest);', '')],
  },
  {
    id: '17',
    title: 'the sender keeps an offset that runs on, whatever is sent again',
    goal: 'G08',
    edits: [
      protocol(
        'sender/sending',
        'const octets = blocks[block].subarray(offsetBytes, offsetBytes + lengthBytes);',
        'const octets = blocks[Math.min(sequence, blocks.length) - 1].subarray(offsetBytes, offsetBytes + lengthBytes);',
      ),
    ],
  },
  {
    id: '18',
    title: 'a frame counts whatever session it names',
    goal: 'G16',
    instead:
      'answers are held against nonce, sequence and signature, each of which would do; of requests it is the session tag',
    edits: [
      protocol(
        'receiver/receiver',
        'const inSession = isReceiving(state) && sessionTag === state.session.tag;',
        'const inSession = isReceiving(state);',
      ),
    ],
  },
  {
    id: '19',
    title: 'one silence begins the whole transfer again',
    goal: 'G16',
    edits: [
      protocol(
        'receiver/offer',
        "return good(held.sealed ? 'sealed' : 'resume');",
        "return good(held.sealed ? 'sealed' : 'new');",
      ),
    ],
  },
  {
    id: '20',
    title: 'the meter believes that a host which sends a block has sent those before it',
    goal: 'G08',
    edits: [
      protocol(
        'receiver/data',
        'const fresh = input.blocks.filter((block) => !hasBlock(held.map, block));',
        'const fresh = Array.from({ length: Math.max(...input.blocks) + 1 }, (_, block) => block).filter((block) => !hasBlock(held.map, block));',
      ),
    ],
  },
  {
    id: '21',
    title: 'an authorisation counts whatever meter it names',
    goal: 'G21',
    edits: [
      protocol(
        'receiver/activation',
        'if (!equalOctets(decoded.value.deviceId, state.device.deviceId)) {',
        'if (false) {',
      ),
    ],
  },
  {
    id: '22',
    title: "an authorisation's counter is stored only once it has had its effect",
    goal: 'G21',
    edits: [
      emulator(
        'boot/boot-records',
        `pending: { ...staged, originatorCounter, authorisationDigest },
            highestOriginatorCounter: originatorCounter,`,
        'pending: { ...staged, originatorCounter, authorisationDigest },',
      ),
    ],
  },
  {
    id: '23',
    title: 'the starts of a trial are counted in RAM only',
    goal: 'G01',
    edits: [emulator('boot/boot', 'const bootCount = (trial?.bootCount ?? 0) + 1;', 'const bootCount = 1;')],
  },
  {
    id: '24',
    title: 'the model is looked at only after the erase',
    goal: 'G12',
    edits: [protocol('receiver/offer', 'if (m.imageType !== device.imageType)', 'if (false)')],
  },
  {
    id: '33',
    title: 'the CRC of a record covers its head only',
    goal: 'G06',
    edits: [
      emulator(
        'boot/state-store',
        'if (view.getUint32(crcAt, true) !== this.#crc32(slot.subarray(0, crcAt)))',
        'if (view.getUint32(crcAt, true) !== this.#crc32(slot.subarray(0, AT.payload)))',
      ),
      emulator(
        'boot/state-store',
        'view.setUint32(crcAt, this.#crc32(octets.subarray(0, crcAt)), true);',
        'view.setUint32(crcAt, this.#crc32(octets.subarray(0, AT.payload)), true);',
      ),
    ],
  },
  {
    id: '33b',
    title: 'the CRC of a frame covers its head only',
    goal: 'G13',
    edits: [
      protocol(
        'frame/frame',
        'putU32(octets, crcAt, crc32(octets.subarray(0, crcAt)));',
        'putU32(octets, crcAt, crc32(octets.subarray(0, headerBytes)));',
      ),
      protocol(
        'frame/frame',
        'if (whole && getU32(octets, crcAt) === crc32(octets.subarray(0, crcAt))) {',
        'if (whole && getU32(octets, crcAt) === crc32(octets.subarray(0, headerBytes))) {',
      ),
    ],
  },
  {
    id: '34',
    title: 'both copies of the boot records are in one sector',
    goal: 'G01',
    edits: [
      emulator(
        'boot/state-store',
        'const others = this.#units.filter((unit) => unit !== holder);',
        'const others = this.#units.slice(0, 1);',
      ),
    ],
  },
];
