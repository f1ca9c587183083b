/** One meter, its power, its clock and whoever talks to it, in a world of its own. */
import {
  constantLoad,
  loadFlash,
  PowerLost,
  profileNamed,
  startEsme,
  type DeviceProfile,
  type Esme,
  type EsmeView,
  type FaultPlan,
  type NorFlash,
} from '@smets1/emulator';
import { createWorld, runMeterInWorld, worldLink, type MeterPort, type World, type WorldMeterRun } from '@smets1/host';
import { crc32, toHex, type SendableImage, type SenderPlan } from '@smets1/protocol';
import { benchOf, imageOf, permit, type Bench } from './bench-keys.js';
import { DeskError } from './error.js';
import { DESK_PROFILE, factoryFlash } from './factory.js';
import {
  BLOCK_SHIFT_DEFAULT,
  EPOCH_S_DEFAULT,
  FIRMWARE_BYTES_DEFAULT,
  IMAGE_BYTES_DEFAULT,
  LOAD_W_DEFAULT,
  STARTS_CUT_MAX,
} from './limits.js';
import { snapshotOf } from './snapshot.js';
import type {
  CreateEsmeOptions,
  DeskImage,
  DeskMeter,
  ImageWish,
  UpdateEnd,
  UpdateOptions,
  VirtualEsme,
} from './types.js';
import { runUpdate, type Stage } from './update.js';

/**
 * A meter that runs: made in the factory, powered on, at the beginning of a world.
 *
 * @throws DeskError `misuse` for an unknown profile; FlashError `bad-layout`; BootError `not-verified` when the firmware does not fit
 */
export function createEsme(options: CreateEsmeOptions = {}): VirtualEsme {
  const bench = benchOf(options.real ?? false);
  const profile = profileOf(options.profile);
  const layout = options.layout ?? profile.layout;
  const known = new Map<string, DeskImage>();
  const firmware = wished(bench, profile, known, { bytes: FIRMWARE_BYTES_DEFAULT, version: 1, ...options.firmware });
  const kit: Kit = { bench, profile, options, known };
  return new DeskEsme(kit, createWorld({ seed: options.seed ?? 1 }), factoryFlash(bench, layout, firmware));
}

/** What a meter is made of; a fork has its own list of images. */
interface Kit {
  readonly bench: Bench;
  readonly profile: DeviceProfile;
  readonly options: CreateEsmeOptions;
  /** Images by the hex digits of their hash. */
  readonly known: Map<string, DeskImage>;
}

class DeskEsme implements VirtualEsme {
  readonly world: World;
  readonly meter: DeskMeter;
  readonly #kit: Kit;
  readonly #port: MeterPort;
  #flash: NorFlash;
  #esme: Esme | undefined;
  #run: WorldMeterRun | undefined;
  /** Cuts to come, and how long the power stays away after each; undefined: until `powerOn`. */
  #cuts: FaultPlan[] = [];
  #offMs: number | undefined;
  #updates = 0;

  constructor(kit: Kit, world: World, flash: NorFlash) {
    this.#kit = kit;
    this.world = world;
    this.#flash = flash;
    this.#port = {
      hear: (frame, nowMs) => this.#powered((meter) => meter.hear(frame, nowMs), []),
      tick: (nowMs) => this.#powered((meter) => meter.tick(nowMs), []),
      wakeAtMs: () => this.#esme?.wakeAtMs(),
      busyMs: () => this.#esme?.busyMs() ?? 0,
    };
    const at = (): number => world.now();
    this.meter = {
      command: (command) => this.#asked(({ meter }) => meter.command(command, at())),
      view: () => this.#asked(({ meter }) => meter.view(at())),
      logs: () => this.#asked(({ meter }) => meter.logs(at())),
      profile: (channel, fromS, untilS) => this.#asked(({ meter }) => meter.profile(channel, at(), fromS, untilS)),
    };
    this.#rest();
    this.powerOn();
  }

  get seed(): string {
    return this.world.seed;
  }

  get flash(): NorFlash {
    return this.#flash;
  }

  get isOn(): boolean {
    return this.#esme !== undefined;
  }

  image(wish: ImageWish = {}): DeskImage {
    const { bench, profile, known } = this.#kit;
    return wished(bench, profile, known, wish);
  }

  authorise(image: SendableImage, originatorCounter?: bigint): Uint8Array {
    return permit(this.#kit.bench, image, originatorCounter ?? this.view().originatorCounter + 1n);
  }

  plan(image?: SendableImage, authorisation?: Uint8Array): SenderPlan {
    const { identity } = this.#kit.bench;
    const random = this.world.random('sender').octets(8);
    return { image, authorisation, replace: true, deviceId: identity.eui64, octetsPerSecond: undefined, random };
  }

  update(image: DeskImage, options: UpdateOptions = {}): UpdateEnd {
    this.#run?.stop();
    this.#updates += 1;
    try {
      return runUpdate(this.#stage(), image, options, `line-${this.#updates}`);
    } finally {
      this.#offMs = undefined;
      this.#rest();
    }
  }

  cutPower(plan?: FaultPlan): void {
    this.#cuts = [];
    if (plan === undefined) this.#powerGone();
    else this.#flash.arm(plan);
  }

  powerOn(): void {
    if (this.#esme !== undefined) return;
    const { bench, profile, options } = this.#kit;
    this.#flash.powerOn();
    this.#flash.arm(this.#cuts.shift());
    const ports = { flash: this.#flash, crypto: bench.crypto, signer: bench.signer };
    const esmeOptions = {
      epochS: options.epochS ?? EPOCH_S_DEFAULT,
      load: options.load ?? constantLoad(options.loadW ?? LOAD_W_DEFAULT),
      quirks: profile.quirks,
      timings: profile.timings,
      ...(options.settings !== undefined && { settings: options.settings }),
      ...(options.behaviour !== undefined && { behaviour: options.behaviour }),
      onStart: (start: unknown) => this.world.trace('meter-start', start),
    };
    try {
      this.#esme = startEsme(ports, esmeOptions, this.world.now());
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error;
      this.#powerGone();
    }
    this.#run?.poke();
  }

  view(): EsmeView {
    return this.#asked((esme) => esme.view(this.world.now()));
  }

  runFor(ms: number): void {
    this.world.run({ untilMs: this.world.now() + ms });
  }

  snapshot(): Uint8Array {
    this.#powered((meter) => meter.flush(this.world.now()), undefined);
    return snapshotOf(this.#flash);
  }

  restore(file: Uint8Array): void {
    const flash = loadFlash(file, crc32);
    this.cutPower();
    this.#flash = flash;
    this.powerOn();
  }

  fork(seed?: bigint | number | string): VirtualEsme {
    const world = createWorld({ seed: seed ?? this.seed });
    world.run({ untilMs: this.world.now() });
    return new DeskEsme({ ...this.#kit, known: new Map(this.#kit.known) }, world, this.#flash.fork());
  }

  #stage(): Stage {
    const { bench, known } = this.#kit;
    return {
      esme: this,
      bench,
      known,
      port: this.#port,
      cutAsPlanned: (cuts, offMs) => {
        this.#cuts = [...cuts];
        this.#offMs = offMs;
        const first = this.#cuts.shift();
        if (first !== undefined) this.#flash.arm(first);
      },
      endCuts: () => {
        this.#cuts = [];
        this.#flash.arm(undefined);
        if (!this.isOn) this.powerOn();
        this.#offMs = undefined;
      },
      onRun: (run) => {
        this.#run = run;
      },
    };
  }

  /** Nobody talks to it; it measures, and its deadlines come. */
  #rest(): void {
    this.#run?.stop();
    this.#run = runMeterInWorld(this.world, this.#port, worldLink(this.world, {}, 'nobody').b);
  }

  #asked<T>(work: (esme: Esme) => T): T {
    const answer = this.#powered((esme) => ({ given: work(esme) }), undefined);
    if (answer === undefined) throw new DeskError('no-power', 'the meter has no power; call powerOn() first');
    return answer.given;
  }

  #powered<T>(work: (esme: Esme) => T, otherwise: T): T {
    if (this.#esme === undefined) return otherwise;
    try {
      return work(this.#esme);
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error;
      this.#powerGone();
      return otherwise;
    }
  }

  #powerGone(): void {
    this.#esme = undefined;
    this.#run?.forget();
    this.world.trace('power-cut', this.#flash.operationCount);
    if (this.world.count('power-cut') > STARTS_CUT_MAX)
      throw new DeskError('misuse', `the power was cut more than ${STARTS_CUT_MAX} times`);
    if (this.#offMs !== undefined) this.world.at(this.world.now() + this.#offMs, () => this.powerOn());
  }
}

function profileOf(profile: string | DeviceProfile | undefined): DeviceProfile {
  if (profile === undefined) return DESK_PROFILE;
  return typeof profile === 'string' ? profileNamed(profile) : profile;
}

function wished(bench: Bench, profile: DeviceProfile, known: Map<string, DeskImage>, wish: ImageWish): DeskImage {
  const version = wish.version ?? Math.max(0, ...[...known.values()].map(({ manifest }) => manifest.fileVersion)) + 1;
  const { blockShiftMin = 0, blockShiftMax = Infinity } = profile.quirks;
  const fields = {
    version,
    bytes: wish.bytes ?? IMAGE_BYTES_DEFAULT,
    securityCounter: wish.securityCounter ?? version,
    blockShift: wish.blockShift ?? Math.min(Math.max(BLOCK_SHIFT_DEFAULT, blockShiftMin), blockShiftMax),
    salt: wish.salt ?? 0,
  };
  const image = imageOf(bench, fields);
  known.set(toHex(image.manifest.imageHash), image);
  return image;
}
