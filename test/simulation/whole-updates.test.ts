/**
 * Goal: whatever a line and the power do for a while, the meter ends with the new image, whole and confirmed, or with the old one and a typed
 * reason; and one seed repeats a whole world octet for octet.
 * Method: sender and meter in seeded worlds: frames lost, doubled, overtaken, spoilt; the line cut; the power cut at flash operations that the
 * seed names; the sender killed and started anew. Model signatures, as real ones differ from run to run.
 */
import { describe, expect, it } from 'vitest';
import {
  blobOf,
  createFlash,
  manufacture,
  planLayout,
  PowerLost,
  startEsme,
  type DeviceIdentity,
  type Esme,
  type NorFlash,
} from '@smets1/emulator';
import {
  createWorld,
  drawLinkFaults,
  modelCrypto,
  modelKey,
  nodeSigner,
  runMeterInWorld,
  runSenderInWorld,
  stateDigest,
  worldLink,
  type World,
  type WorldSender,
} from '@smets1/host';
import {
  buildOtaImage,
  buildPackage,
  countersign,
  runTask,
  signAuthorisation,
  toHex,
  verifyPackage,
  type SendableImage,
  type SenderPlan,
} from '@smets1/protocol';

const WORLDS = 300;
const REPEATED = 10;
const FIRST_SEED = 0x5eed_0001;
const FAULTY_MS = 120_000;
const RUNS_MAX = 40;

const crypto = modelCrypto();
const keys = {
  manufacturer: modelKey('manufacturer'),
  supplier: modelKey('supplier'),
  dco: modelKey('dco'),
  device: modelKey('device'),
};
const signer = nodeSigner(keys);
const LAYOUT = planLayout(
  { sectorRuns: [{ count: 96, sectorBytes: 4096 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  { imageBytesMax: 65_536, stagingBytes: 8192, profileDays: 4 },
);
const IDENTITY: DeviceIdentity = {
  eui64: Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa0),
  manufacturerCode: 0x121d,
  imageType: 1,
  hardwareVersion: 0x1150,
  deviceClass: 1,
  trustAnchors: (['manufacturer', 'supplier', 'dco'] as const).map((role) => ({
    role,
    publicKey: keys[role].publicKey,
  })),
};
const OLD = imageOf(2000, 1);
const NEW = imageOf(30_000, 2);
const AUTHORISATION = authorise(NEW.image);
const BLANK = factoryFlash();

function imageOf(
  imageBytes: number,
  fileVersion: number,
): { readonly image: SendableImage; readonly octets: Uint8Array } {
  const octets = Uint8Array.from(
    { length: imageBytes },
    (_, i) => (Math.imul(i + fileVersion, 2_654_435_761) >>> 11) & 0xff,
  );
  const { manufacturerCode, imageType, hardwareVersion } = IDENTITY;
  const fields = {
    manufacturerCode,
    imageType,
    fileVersion,
    hardwareMin: hardwareVersion,
    hardwareMax: hardwareVersion,
  };
  const otaImage = runTask(buildOtaImage({ manufacturerImage: octets, ...fields }), crypto, signer);
  const manufacturerKey = keys.manufacturer.publicKey;
  const built = runTask(
    buildPackage({ otaImage, manufacturerKey, blockShift: 10, securityCounter: fileVersion }),
    crypto,
    signer,
  );
  const checked = runTask(
    verifyPackage(built, { manufacturer: [manufacturerKey], supplier: [keys.supplier.publicKey] }),
    crypto,
  );
  if (!checked.ok) throw new Error(checked.fault.detail);
  const { manifest, digest: manifestDigest, otaHeader, gbcsSignature, blocks } = checked.value;
  return { octets, image: { manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature, blocks } };
}

function authorise({ manifest, manifestDigest }: SendableImage): Uint8Array {
  const fields = {
    deviceId: IDENTITY.eui64,
    imageHash: manifest.imageHash,
    manifestDigest,
    originator: new Uint8Array(8),
    originatorCounter: 1n,
    notBeforeS: 0,
    notAfterS: 0xffff_ffff,
  };
  return runTask(countersign(runTask(signAuthorisation(fields), crypto, signer)), crypto, signer);
}

function factoryFlash(): NorFlash {
  const flash = createFlash(LAYOUT);
  manufacture(flash, crypto, IDENTITY, { offerBlob: blobOf(OLD.image), image: OLD.octets });
  return flash;
}

interface Ended {
  readonly world: World;
  readonly outcome: string;
  readonly powerCuts: number;
  readonly senderKills: number;
  readonly runningHash: string;
  readonly digest: string;
}

/** One world, from its seed to its rest. */
function live(seed: number): Ended {
  const world = createWorld({ seed });
  const luck = world.random('faults');
  const flash = BLANK.fork();
  const link = worldLink(world, { ...drawLinkFaults(world.random('line')) });
  let powerCuts = 0;
  let senderKills = 0;
  const faulty = (): boolean => world.now() < FAULTY_MS;
  let meter: Esme = powerOn();
  const guarded = <T>(work: () => T, otherwise: T): T => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error;
      powerCuts += 1;
      world.trace('power-cut', flash.operationCount);
      flash.powerOn();
      link.cut(luck.below(2000));
      meter = powerOn();
      return otherwise;
    }
  };
  function powerOn(): Esme {
    for (;;) {
      if (faulty() && luck.chance(0.5))
        flash.arm({ cutAt: 1 + luck.below(40), phase: luck.chance(0.5) ? 'before' : 'after' });
      else flash.arm(undefined);
      try {
        return startEsme({ flash, crypto, signer }, { loadW: 500 }, world.now());
      } catch (error) {
        if (!(error instanceof PowerLost)) throw error;
        powerCuts += 1;
        world.trace('power-cut-at-start', flash.operationCount);
        flash.powerOn();
      }
    }
  }
  runMeterInWorld(
    world,
    {
      hear: (frame, nowMs) => guarded(() => meter.hear(frame, nowMs), []),
      tick: (nowMs) => guarded(() => meter.tick(nowMs), []),
      wakeAtMs: () => meter.wakeAtMs(),
    },
    link.b,
  );
  const random = luck.octets(8);
  const plan: SenderPlan = {
    image: NEW.image,
    authorisation: AUTHORISATION,
    replace: false,
    deviceId: IDENTITY.eui64,
    octetsPerSecond: 20_000,
    random,
  };
  let outcome = 'none';
  for (let run = 0; run < RUNS_MAX && outcome !== 'done' && outcome !== 'reverted'; run++) {
    const sender: WorldSender = runSenderInWorld(world, {
      plan,
      end: link.a,
      crypto,
      deviceKey: keys.device.publicKey,
      reconnectMs: 60_000,
    });
    const killAtMs = faulty() && luck.chance(0.4) ? world.now() + luck.below(3000) : Infinity;
    world.run({ until: () => sender.result() !== undefined || world.now() >= killAtMs });
    const result = sender.result();
    if (result === undefined) {
      sender.kill();
      senderKills += 1;
      continue;
    }
    outcome = result.kind === 'done' ? 'done' : result.reason;
  }
  const view = meter.view(world.now());
  return { world, outcome, powerCuts, senderKills, runningHash: view.runningHash, digest: stateDigest(view) };
}

describe('updates in faulty worlds', () => {
  it(
    'end with the exact image, confirmed and attested, or reverted and told so, once the faults stop',
    { timeout: 120_000 },
    () => {
      let done = 0;
      const struck = { powerCuts: 0, senderKills: 0, lost: 0, doubled: 0, spoilt: 0, overtaken: 0, cuts: 0 };
      for (let i = 0; i < WORLDS; i++) {
        const { world, outcome, runningHash, powerCuts, senderKills } = live(FIRST_SEED + i);
        // A trial that lost its power three times reverts, as it should; the sender is told so, signed.
        const expected = outcome === 'reverted' ? OLD : NEW;
        expect(['done', 'reverted'], `seed ${world.seed}`).toContain(outcome);
        expect(runningHash, `seed ${world.seed}`).toBe(toHex(expected.image.manifest.imageHash));
        if (outcome === 'done') done += 1;
        struck.powerCuts += powerCuts;
        struck.senderKills += senderKills;
        struck.lost += world.count('frame-lost');
        struck.doubled += world.count('frame-duplicated');
        struck.spoilt += world.count('frame-corrupted');
        struck.overtaken += world.count('frame-overtaken');
        struck.cuts += world.count('link-cut');
      }
      expect(done).toBeGreaterThan(0.9 * WORLDS);
      console.log(
        `${WORLDS} worlds from seed ${FIRST_SEED.toString(16)}, ${done} with the new image; struck: ${JSON.stringify(struck)}`,
      );
      for (const count of Object.values(struck)) expect(count).toBeGreaterThan(WORLDS / 4);
    },
  );

  it('repeat to the last octet from their seed, and differ from each other', { timeout: 60_000 }, () => {
    const hashes = new Set<string>();
    for (let i = 0; i < REPEATED; i++) {
      const first = live(FIRST_SEED + i);
      const second = live(FIRST_SEED + i);
      expect(second.world.traceHash()).toBe(first.world.traceHash());
      expect(second.digest).toBe(first.digest);
      hashes.add(first.world.traceHash());
    }
    expect(hashes.size).toBe(REPEATED);
  });
});
