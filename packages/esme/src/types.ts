/** The shapes of a virtual meter on the desk. */
import type {
  DeviceProfile,
  EsmeView,
  FaultPlan,
  FirmwareBehaviour,
  FlashLayout,
  LoadSource,
  MeterCommand,
  MeterCommandResult,
  MeterLogs,
  MeterSettings,
  MeterView,
  NorFlash,
  ProfileChannel,
  ProfileEntry,
} from '@smets1/emulator';
import type { LinkFaults, World } from '@smets1/host';
import type { SendableImage, SenderPlan, SenderResult } from '@smets1/protocol';

export interface CreateEsmeOptions {
  /** All luck comes from it; 1. A number from 0 to 2^64 − 1, or its hex digits as `VirtualEsme.seed` shows them. */
  readonly seed?: bigint | number | string;
  /** A modelled family by name or as data (`PROFILE_NAMES`); a small, fast flash without quirks unless given. */
  readonly profile?: string | DeviceProfile;
  /** Another flash than the profile's. */
  readonly layout?: FlashLayout;
  /** What it runs when it leaves the factory; version 1, 2,000 octets. */
  readonly firmware?: ImageWish;
  /** How images behave, by version; all are healthy unless said. */
  readonly behaviour?: (fileVersion: number) => FirmwareBehaviour;
  /** What the home draws and gives: `constantLoad`, `householdLoad`, `csvLoad`, or a function; 500 W unless given. */
  readonly load?: LoadSource;
  /** Short for a load that draws the same power at all times. */
  readonly loadW?: number;
  /** How metering is configured when it leaves the factory. */
  readonly settings?: MeterSettings;
  /** Seconds since 1970 (UTC) at the beginning of the world; 2025-01-01T00:00:00Z. */
  readonly epochS?: number;
  /** Real P-256 with the demonstration keys. The model of signatures otherwise: fast, and the same in every run. */
  readonly real?: boolean;
}

export interface ImageWish {
  /** File version; the one after the highest made so far. */
  readonly version?: number;
  /** Octets of the Manufacturer Image; 20,000. */
  readonly bytes?: number;
  /** The rollback counter; the version. */
  readonly securityCounter?: number;
  /** Blocks of 2^shift octets; 10, or the nearest that the profile takes. */
  readonly blockShift?: number;
  /** Tells images of one version apart; 0. */
  readonly salt?: number;
}

/** A signed image in blocks, as a sender takes it, with the octets that a slot holds in the end. */
export interface DeskImage extends SendableImage {
  readonly octets: Uint8Array;
}

export interface UpdateOptions {
  /** Power cuts, one after the other: each counts flash operations from where the one before struck and the power came back. */
  readonly cuts?: readonly FaultPlan[];
  /** How long the power stays away; 1,000. */
  readonly offMs?: number;
  /** Faults of the line; 5 ms of latency and none. */
  readonly line?: LinkFaults;
  /** The sender dies so many ms after it began, and another begins; one for each number. */
  readonly kills?: readonly number[];
  /** False: the image is only staged. */
  readonly activate?: boolean;
  /** Another authorisation than a new one for this image. */
  readonly authorisation?: Uint8Array;
  /** Drop another image that the meter holds; true. */
  readonly replace?: boolean;
  /** Senders until the update is given up; 40. */
  readonly sendersMax?: number;
}

/** How an update ended. Plain data. */
export interface UpdateEnd {
  /**
   * What runs, judged by the octets in the slot that boot chose and by nothing that the meter says: the image that ran before, the one that was
   * sent, none (`recovery`), or octets that are neither.
   */
  readonly runs: 'old' | 'new' | 'recovery' | 'neither';
  readonly mode: EsmeView['mode'];
  /** In one word: what the last sender found done, or why it failed; `gave-up` when no sender came to an end. */
  readonly outcome: 'activated' | 'already-running' | 'sealed' | 'version-read' | 'gave-up' | FailureReason;
  readonly result: SenderResult | undefined;
  readonly senders: number;
  /** What really happened meanwhile, so that a test can show that its faults struck. */
  readonly struck: Struck;
  readonly tookMs: number;
}

export interface Struck {
  readonly powerCuts: number;
  readonly senderKills: number;
  readonly framesLost: number;
  readonly framesDuplicated: number;
  readonly framesCorrupted: number;
  readonly framesOvertaken: number;
  readonly linkCuts: number;
  /** Starts of the meter, planned ones included. */
  readonly starts: number;
}

export type FailureReason = Extract<SenderResult, { readonly kind: 'failed' }>['reason'];

/** The metering part, up to now. @throws DeskError `no-power`, also when the power goes meanwhile */
export interface DeskMeter {
  command(command: MeterCommand): MeterCommandResult;
  view(): MeterView;
  logs(): MeterLogs;
  profile(channel: ProfileChannel, fromS?: number, untilS?: number): readonly ProfileEntry[];
}

export interface VirtualEsme {
  /** 16 hex digits: what to print when a test failed. */
  readonly seed: string;
  /** Its clock, its luck and its trace. */
  readonly world: World;
  /** What survives. Another one after `restore`. */
  readonly flash: NorFlash;
  readonly isOn: boolean;
  /** A new image, signed with the keys that this meter trusts. */
  image(wish?: ImageWish): DeskImage;
  /** Permission for this meter to activate an image, signed and countersigned; the counter is the next one unless given. */
  authorise(image: SendableImage, originatorCounter?: bigint): Uint8Array;
  /** A plan for a sender of one's own. */
  plan(image?: SendableImage, authorisation?: Uint8Array): SenderPlan;
  /**
   * Sends, seals and activates an image, senders following each other until one ends for good. Armed cuts strike, and the power comes back.
   *
   * @throws HostError `world-failed` with the seed when something broke
   */
  update(image: DeskImage, options?: UpdateOptions): UpdateEnd;
  /** Without a plan the power is gone now; with one, at the flash operation it names, and until `powerOn`. */
  cutPower(plan?: FaultPlan): void;
  /** Starts the meter from its flash; nothing when it is on. */
  powerOn(): void;
  /** @throws DeskError `no-power` */
  view(): EsmeView;
  readonly meter: DeskMeter;
  /** Time goes on; the meter measures, its deadlines come. */
  runFor(ms: number): void;
  /** The flash as a flash file: what `smets1 emulate` reads, and `restore`. Whatever the meter counted is written down first. */
  snapshot(): Uint8Array;
  /** Goes on from a flash file, as after a power cut. @throws FlashFileError */
  restore(file: Uint8Array): void;
  /** Another meter with the same flash at the same time, started from there: RAM is not copied. Its luck is of its own seed, if given. */
  fork(seed?: bigint | number | string): VirtualEsme;
}
