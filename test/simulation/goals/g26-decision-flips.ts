/**
 * G26: one answer on the way from power on to the jump is forged, once, as a glitch would: a signature check, a hash, the reading of a header.
 * No image that is corrupt, old, foreign, for another model, or that nobody activated, may run because of it.
 */
import {
  boot,
  bootCryptoOf,
  imageHeaderReader,
  trustOf,
  type BootPorts,
  type BootResult,
  type ImageHeader,
  type NorFlash,
} from '@smets1/emulator';
import { crc32 } from '@smets1/protocol';
import { EPOCH_S } from '../engine/life.js';
import { CRYPTO, IDENTITY, party, type Party } from '../engine/parties.js';
import { withImage } from '../engine/pending.js';
import { isMine, Tally, type Goal, type GoalContext, type GoalCount } from '../goal.js';
import { scene } from './scenes.js';

/** A meter with an image that must not run, and the slot that it is in. */
interface Bad {
  readonly kind: string;
  readonly flash: NorFlash;
  readonly slot: 0 | 1;
  readonly image: Party;
}

type Port = 'verify' | 'sha256' | 'header' | 'crc32';

/** The call with this number, of this port, answers this. */
interface Forgery {
  readonly port: Port;
  readonly call: number;
  readonly name: string;
  readonly value: (real: () => unknown) => unknown;
}

const STARTS = 4;

export const goal: Goal = {
  id: 'G26',
  title: 'One forged answer on the way from power on to the jump',
  invariants: ['I1', 'I3', 'I4'],
  floors: { Q: 1_200, M: 1_200, L: 10_000 },
  floorCi: 600,
  mustStrike: ['forged-verify', 'forged-sha256', 'forged-header', 'forged-crc32', 'refused', 'ran-the-good-one'],
  run: (context) => everyForgery(context),
};

function everyForgery(context: GoalContext): GoalCount {
  const tally = new Tally();
  let number = 0;
  let worlds = 0;
  const isPairs = context.tier === 'L';
  for (const bad of badImages()) {
    const calls = callsOf(bad);
    const singles = forgeries(calls, bad.image);
    for (const forgery of singles) {
      const caseId = `${bad.kind}:${forgery.port}:${forgery.call}:${forgery.name}`;
      if (context.only === undefined ? !isMine(context, number++) : context.only !== caseId) continue;
      if (!context.timeLeft()) break;
      worlds += 1;
      tally.add(`forged-${forgery.port}`);
      const what = live(bad, [forgery], tally);
      if (what !== undefined) context.fail(caseId, what);
      context.progress(worlds);
    }
    if (!isPairs || context.only !== undefined) continue;
    for (const [i, one] of singles.entries()) {
      for (const other of singles.slice(i + 1)) {
        if (!isMine(context, number++) || !context.timeLeft()) continue;
        worlds += 1;
        // Two forged answers are reported, not required to be survived.
        tally.add(live(bad, [one, other], tally) === undefined ? 'pairs-refused' : 'pairs-that-let-it-run');
      }
    }
  }
  return { worlds, distinct: worlds, struck: tally.counts, seedRange: [0, 0] };
}

/** Starts the meter with the answers forged in its first start; why that is wrong, or undefined. */
function live(bad: Bad, forgeries: readonly Forgery[], tally: Tally): string | undefined {
  const flash = bad.flash.fork();
  for (let start = 0; start < STARTS; start++) {
    let result: BootResult;
    try {
      result = boot(flash, start === 0 ? forgedPorts(bad.image, forgeries) : honestPorts());
    } catch (error) {
      // A forged answer may stop a start; the next one is honest.
      tally.add('starts-stopped');
      if (start > 0) return `I2 start ${start + 1} throws ${String(error)}`;
      continue;
    }
    if (result.phase === 'recovery') tally.add('recovery');
    else if (result.slot === bad.slot) return `I1 start ${start + 1} runs the ${bad.kind} image (${result.phase})`;
    else tally.add('ran-the-good-one');
  }
  tally.add('refused');
  return undefined;
}

function badImages(): readonly Bad[] {
  const its = scene({ path: 'update', imageBytes: 8_192 });
  const size = { imageBytes: 6_000 };
  const good = party({ version: 0x0909, ...size });
  const old = party({ version: 0x0a0a, ...size, securityCounter: its.old.securityCounter - 1 });
  const foreign = party({ version: 0x0b0b, ...size, isForeign: true });
  const other = party({ version: 0x0c0c, ...size, hardwareVersion: IDENTITY.hardwareVersion + 1 });
  const corrupt = good.octets.slice();
  corrupt[4_321]! ^= 0x10;
  const rotten = its.start.fork();
  const region = rotten.partition('slot-0');
  // Programmed once more: bits only go one way, and one octet is not what was signed.
  const at = 4096 + 16 * 37;
  region.program(
    at,
    region.read(at, 16).map((octet, i) => (i === 5 ? octet & (octet - 1) : octet)),
  );
  return [
    { kind: 'corrupt', flash: withImage(its.start, good, corrupt), slot: 1, image: good },
    { kind: 'old', flash: withImage(its.start, old), slot: 1, image: old },
    { kind: 'foreign', flash: withImage(its.start, foreign), slot: 1, image: foreign },
    { kind: 'other-model', flash: withImage(its.start, other), slot: 1, image: other },
    { kind: 'not-activated', flash: withImage(its.start, good, good.octets, false), slot: 1, image: good },
    { kind: 'rotten', flash: rotten, slot: 0, image: its.old },
  ];
}

/** As the meter wires them. */
function honestPorts(): BootPorts {
  const trust = trustOf(IDENTITY);
  return {
    timestampS: EPOCH_S,
    crypto: bootCryptoOf(CRYPTO, crc32, trust),
    readImageHeader: imageHeaderReader(CRYPTO, trust),
  };
}

/** Honest ports whose numbered calls go through `answer`. */
function countedPorts(answer: (port: Port, call: number, real: () => unknown) => unknown): BootPorts {
  const honest = honestPorts();
  const calls: Record<Port, number> = { verify: 0, sha256: 0, header: 0, crc32: 0 };
  const asked = <T>(port: Port, real: () => T): T => {
    calls[port] += 1;
    return answer(port, calls[port], real) as T;
  };
  return {
    ...honest,
    crypto: {
      crc32: (octets, seed) => asked('crc32', () => honest.crypto.crc32(octets, seed)),
      sha256: (chunks) => asked('sha256', () => honest.crypto.sha256(chunks)),
      verify: (role, message, signature) => asked('verify', () => honest.crypto.verify(role, message, signature)),
    },
    readImageHeader: (octets) => asked('header', () => honest.readImageHeader(octets)),
  };
}

function forgedPorts(image: Party, forgeries: readonly Forgery[]): BootPorts {
  return countedPorts((port, call, real) => {
    const forged = forgeries.find((forgery) => forgery.port === port && forgery.call === call);
    return forged === undefined ? real() : forged.value(real);
  });
}

function callsOf(bad: Bad): Readonly<Record<Port, number>> {
  const calls = { verify: 0, sha256: 0, header: 0, crc32: 0 };
  boot(
    bad.flash.fork(),
    countedPorts((port, _, real) => {
      calls[port] += 1;
      return real();
    }),
  );
  return calls;
}

/** Each call of a start, and one beyond that a forged answer may bring about, with every wrong answer there is. */
function forgeries(calls: Readonly<Record<Port, number>>, image: Party): readonly Forgery[] {
  return (['verify', 'sha256', 'header', 'crc32'] as const).flatMap((port) =>
    Array.from({ length: calls[port] + 2 }, (_, i) => i + 1).flatMap((call) =>
      Object.entries(answers(port, image)).map(([name, value]) => ({ port, call, name, value })),
    ),
  );
}

type Answers = Readonly<Record<string, (real: () => unknown) => unknown>>;

function answers(port: Port, { image }: Party): Answers {
  const thrown = (): never => {
    throw new Error('a glitch');
  };
  const anywhere: Answers = { undefined: () => undefined, null: () => null, throws: thrown };
  const { manifest } = image;
  switch (port) {
    case 'verify':
      return {
        ...anywhere,
        true: () => true,
        false: () => false,
        one: () => 1,
        text: () => 'true',
        object: () => ({}),
      };
    case 'sha256':
      return {
        ...anywhere,
        wanted: () => manifest.imageHash.slice(),
        manifest: () => image.manifestDigest.slice(),
        zeros: () => new Uint8Array(32),
        ones: () => new Uint8Array(32).fill(0xff),
        empty: () => new Uint8Array(0),
        short: (real) => (real() as Uint8Array).slice(0, 31),
        'one-bit': (real) => (real() as Uint8Array).map((octet, i) => (i === 7 ? octet ^ 1 : octet)),
      };
    case 'header':
      return { ...anywhere, ...headers() };
    case 'crc32':
      return { ...anywhere, zero: () => 0, 'one-bit': (real) => (real() as number) ^ 1, nan: () => NaN };
  }
}

/** A header with one field that is not what stands in flash. */
function headers(): Answers {
  const change = (changes: Partial<ImageHeader>) => (real: () => unknown) => {
    const header = real() as ImageHeader | undefined;
    return header && { ...header, ...changes };
  };
  const none = new Uint8Array(32);
  return {
    'counter-high': change({ securityCounter: 1_000_000 }),
    'counter-nan': change({ securityCounter: NaN }),
    'counter-zero': change({ securityCounter: 0 }),
    'any-hardware': change({ hardwareMin: 0, hardwareMax: 0xffff }),
    'this-model': change({ manufacturerCode: IDENTITY.manufacturerCode, imageType: IDENTITY.imageType }),
    'no-hash': change({ imageHash: none }),
    'no-digest': change({ manifestDigest: none }),
    'no-octets': change({ imageBytes: 0 }),
    'fewer-octets': change({ imageBytes: 4_096 }),
    'too-many-octets': change({ imageBytes: 2 ** 31 }),
    'other-version': change({ fileVersion: 1 }),
    'checks-true': change({ check: () => true }),
    'checks-one': change({ check: () => 1 as unknown as boolean }),
    'checks-nothing': change({ check: () => undefined as unknown as boolean }),
    'check-throws': change({
      check: () => {
        throw new Error('a glitch');
      },
    }),
  };
}
