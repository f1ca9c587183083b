/**
 * Evil stagers: everything that a stager can do with what it sees, which is whole packages and authorisations, and without a key. Frames that
 * it makes are right in themselves: only structure, state, signatures and digests can refuse them.
 */
import {
  decodeHostMessage,
  decodeMeterMessage,
  type Envelope,
  type HostMessage,
  type MeterMessage,
} from '@smets1/protocol';
import { OTHER_DEVICE_ID, type Made } from './images.js';
import { offerMessage, tellHost, tellMeter, type Middle, type Scene } from './middle.js';

type HostSays = Envelope<HostMessage>;
type MeterSays = Envelope<MeterMessage>;

/** What a stager does with a word: what goes on instead, or `undefined` for the word as it came. */
interface Tricks {
  readonly host?: (said: HostSays, frame: Uint8Array) => readonly HostSays[] | undefined;
  readonly meter?: (said: MeterSays) => readonly MeterSays[] | undefined;
}

const HELD_MAX = 6;
const REPEATS_MAX = 4;
const FLOOD = 12;

const STAGERS: Readonly<Record<string, (scene: Scene) => Tricks>> = {
  drops({ random, shape }) {
    const blocks = shape.wanted.image.blocks.length;
    const hated = random.below(blocks);
    return { host: ({ message }) => (message.kind === 'data' && message.block === hated ? [] : undefined) };
  },
  reorders({ random }) {
    const held: HostSays[] = [];
    return {
      host(said) {
        held.push(said);
        if (held.length < HELD_MAX && said.message.kind === 'data' && random.chance(0.8)) return [];
        const order = held.splice(0);
        for (let i = order.length - 1; i > 0; i--) {
          const j = random.below(i + 1);
          [order[i], order[j]] = [order[j]!, order[i]!];
        }
        return order;
      },
    };
  },
  duplicates({ random }) {
    const past: HostSays[] = [];
    return {
      host(said) {
        past.push(said);
        if (past.length > 32) past.shift();
        const repeats = random.below(REPEATS_MAX + 1);
        return [said, ...Array.from({ length: repeats }, () => random.pick(past))];
      },
    };
  },
  'foreign-blocks': ({ random, shape }) =>
    withData((data) => {
      const from = random.pick([shape.other, shape.ancient, shape.foreign]);
      const block = from.image.blocks[data.block]!;
      return random.chance(0.5) ? { ...data, octets: slice(block, data) } : undefined;
    }),
  'swapped-blocks': ({ random, shape }) =>
    withData((data) => {
      const { blocks } = shape.wanted.image;
      return { ...data, octets: slice(random.pick(blocks), data) };
    }),
  truncates: ({ random }) =>
    withData((data) => ({ ...data, octets: data.octets.slice(0, 1 + random.below(data.octets.length)) })),
  tampers: ({ random }) =>
    withData((data) => {
      const octets = data.octets.slice();
      const bit = random.below(octets.length * 8);
      octets[bit >> 3]! ^= 1 << (bit & 7);
      return { ...data, octets };
    }),
  'shifts-offsets': ({ random }) =>
    withData((data) => ({ ...data, offsetBytes: random.pick([0, 1, 64, 255, 256, 0xffff_ffff]) })),
  'other-image': (scene) => otherImage(scene, scene.shape.other),
  'old-image': (scene) => otherImage(scene, scene.shape.ancient),
  'unsigned-image': (scene) => otherImage(scene, scene.shape.foreign),
  'mixes-offer': ({ random, shape }) => ({
    host({ message, ...rest }) {
      if (message.kind !== 'offer') return undefined;
      const from = random.pick([shape.other, shape.ancient, shape.foreign]).image;
      const field = random.pick(['manifest', 'otaHeader', 'gbcsSignature'] as const);
      const value = field === 'manifest' ? from.manifest.octets : from[field];
      return [{ ...rest, message: { ...message, [field]: value } }];
    },
  }),
  'wrong-authority': ({ random, bench, shape, authorisation }) => {
    const wrong = [
      bench.authorise(shape.wanted, 7, OTHER_DEVICE_ID),
      authorisation.slice().fill(0, 168),
      bench.authorise(shape.other, 7, OTHER_DEVICE_ID),
      spoilt(authorisation, 20),
      spoilt(authorisation, 104),
      spoilt(authorisation, 168),
    ];
    return {
      host(said) {
        const { sequence } = said;
        const message: HostMessage = { kind: 'activate', authorisation: random.pick(wrong), nonce: random.octets(8) };
        if (said.message.kind === 'activate' || random.chance(0.3))
          return [
            { sessionTag: said.sessionTag, sequence, message },
            ...(said.message.kind === 'activate' ? [] : [said]),
          ];
        return undefined;
      },
    };
  },
  'early-activation': ({ random, authorisation }) => ({
    host(said) {
      const message: HostMessage = { kind: 'activate', authorisation, nonce: random.octets(8) };
      return said.message.kind === 'data' && random.chance(0.3)
        ? [{ sessionTag: 0, sequence: said.sequence + 1_000, message }, said]
        : undefined;
    },
  }),
  'early-seal': ({ random, shape }) => ({
    host(said) {
      const message: HostMessage = {
        kind: 'seal',
        manifestDigest: shape.wanted.image.manifestDigest,
        nonce: random.octets(8),
      };
      return said.message.kind === 'data' ? [{ ...said, sequence: said.sequence + 1_000, message }, said] : undefined;
    },
  }),
  'forges-sack': ({ shape }) => ({
    meter({ message, ...rest }) {
      const blocks = shape.wanted.image.blocks.length;
      const all = new Uint8Array(Math.ceil(blocks / 8)).fill(0xff);
      if (message.kind === 'sack')
        return [{ ...rest, message: { ...message, durableCount: blocks, durableFrom: 0, durable: all } }];
      if (message.kind === 'map') return [{ ...rest, message: { ...message, count: blocks, bitmap: all } }];
      return undefined;
    },
  }),
  'forges-progress': ({ shape }) => ({
    meter({ message, ...rest }) {
      if (message.kind !== 'accept') return undefined;
      return [{ ...rest, message: { ...message, status: 'sealed', durableCount: shape.wanted.image.blocks.length } }];
    },
  }),
  'replays-outcomes': ({ random }) => {
    const past: MeterSays[] = [];
    return {
      meter(said) {
        if (said.message.kind !== 'sealed' && said.message.kind !== 'outcome') return undefined;
        past.push(said);
        const old = random.pick(past);
        return [
          { ...said, message: old.message },
          {
            ...said,
            message:
              said.message.kind === 'sealed'
                ? { ...said.message, kind: 'outcome' }
                : { ...said.message, kind: 'sealed' },
          },
        ];
      },
    };
  },
  'spoils-outcomes': ({ random }) => ({
    meter({ message, ...rest }) {
      if (message.kind !== 'sealed' && message.kind !== 'outcome') return undefined;
      return [
        { ...rest, message: { ...message, outcome: spoilt(message.outcome, random.below(message.outcome.length)) } },
      ];
    },
  }),
  floods({ random, shape }) {
    return {
      host(said) {
        const flood = Array.from({ length: FLOOD }, (): HostSays => {
          const messages: HostMessage[] = [
            { kind: 'ping' },
            { kind: 'get-state' },
            { kind: 'get-map', firstBlock: random.below(65_536) },
            { kind: 'hello', minor: 0, frameBytesMax: 64, nonce: random.octets(8) },
            {
              kind: 'data',
              block: random.below(9),
              offsetBytes: random.below(400),
              octets: random.octets(1 + random.below(64)),
            },
            { kind: 'abort', reason: random.below(256) },
            offerMessage(shape.wanted, random.chance(0.1), random.u32()),
          ];
          return {
            sessionTag: random.chance(0.5) ? said.sessionTag : random.u32(),
            sequence: random.u32(),
            message: random.pick(messages),
          };
        });
        return random.chance(0.2) ? [...flood, said] : undefined;
      },
    };
  },
};

export const STAGER_NAMES: readonly string[] = Object.keys(STAGERS);

export function stagerOf(name: string, scene: Scene): Middle {
  const tricks = STAGERS[name]!(scene);
  const middle: Middle = {
    name,
    struck: 0,
    fromHost(frame) {
      const received = decodeHostMessage(frame);
      const instead = received.kind === 'message' ? tricks.host?.(received.envelope, frame) : undefined;
      if (instead === undefined) {
        scene.toMeter(frame);
        return;
      }
      middle.struck += 1;
      for (const envelope of instead) tellMeter(scene, envelope);
    },
    fromMeter(frame) {
      const received = decodeMeterMessage(frame);
      const instead = received.kind === 'message' ? tricks.meter?.(received.envelope) : undefined;
      if (instead === undefined) {
        scene.toHost(frame);
        return;
      }
      middle.struck += 1;
      for (const envelope of instead) tellHost(scene, envelope);
    },
  };
  return middle;
}

type Data = Extract<HostMessage, { readonly kind: 'data' }>;

function withData(change: (data: Data) => Data | undefined): Tricks {
  return {
    host({ message, ...rest }) {
      const changed = message.kind === 'data' ? change(message) : undefined;
      return changed === undefined ? undefined : [{ ...rest, message: changed }];
    },
  };
}

/** Offers and sends another image in the place of the one that it was given, and keeps the host content with the rest. */
function otherImage({ random, shape }: Scene, made: Made): Tricks {
  return {
    host({ message, ...rest }) {
      switch (message.kind) {
        case 'offer':
          return [{ ...rest, message: offerMessage(made, random.chance(0.5), message.offerNonce) }];
        case 'data': {
          const block = made.image.blocks[message.block]!;
          return [{ ...rest, message: { ...message, octets: slice(block, message) } }];
        }
        case 'seal':
          return [{ ...rest, message: { ...message, manifestDigest: made.image.manifestDigest } }];
        default:
          return undefined;
      }
    },
    meter({ message, ...rest }) {
      return message.kind === 'accept'
        ? [{ ...rest, message: { ...message, manifestDigest: shape.wanted.image.manifestDigest } }]
        : undefined;
    },
  };
}

function slice(block: Uint8Array, { offsetBytes, octets }: Data): Uint8Array {
  const cut = block.slice(offsetBytes, offsetBytes + octets.length);
  return cut.length === 0 ? block.slice(0, 1) : cut;
}

function spoilt(octets: Uint8Array, at: number): Uint8Array {
  const copy = octets.slice();
  copy[at]! ^= 0x01;
  return copy;
}
