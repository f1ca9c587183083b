/** The JSON of a profile; docs/PROFILE.md says what each field means. */
import { FIRMWARE_BEHAVIOURS, type FirmwareBehaviour } from '@smets1/emulator';
import * as v from 'valibot';
import { messageOf } from '../files/input-file.js';
import { eui64, hexValue } from '../flags/values.js';
import {
  BLOCK_SHIFT_MAX,
  BLOCK_SHIFT_MIN,
  FIRST_IMAGE_BYTES,
  FIRST_IMAGE_BYTES_MAX,
  LOAD_W_MAX,
  OPERATION_TIME_MAX,
  PROFILE_DAYS_MAX,
  PROFILE_MS_MAX,
} from '../limits.js';

const whole = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const parsed = <T>(parse: (text: string) => T) =>
  v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(dataset.value);
      } catch (error) {
        addIssue({ message: messageOf(error) });
        return NEVER;
      }
    }),
  );
const version = parsed(hexValue(8));
const operationTime = v.pipe(v.number(), v.minValue(0), v.maxValue(OPERATION_TIME_MAX));

const FLASH = v.strictObject({
  sectorRuns: v.array(v.strictObject({ count: whole(1, 65_536), sectorBytes: whole(1, 1_048_576) })),
  granuleBytes: whole(1, 512),
  granuleRewritable: v.boolean(),
  erasedValue: v.picklist([0x00, 0xff]),
  timings: v.exactOptional(
    v.strictObject({
      programUsPerGranule: operationTime,
      eraseUsPerSector: operationTime,
      readNsPerByte: operationTime,
    }),
  ),
  imageBytesMax: v.exactOptional(whole(1, 10_240_000)),
  stagingBytes: v.exactOptional(whole(1, 1_048_576)),
  profileDays: v.exactOptional(whole(1, PROFILE_DAYS_MAX)),
});

const QUIRKS = v.strictObject({
  blockShiftMin: v.exactOptional(whole(BLOCK_SHIFT_MIN, BLOCK_SHIFT_MAX)),
  blockShiftMax: v.exactOptional(whole(BLOCK_SHIFT_MIN, BLOCK_SHIFT_MAX)),
  windowBytes: v.exactOptional(whole(1, 1_048_576)),
  busyEveryOffers: v.exactOptional(whole(2, 1_000_000)),
  dropEveryDataFrames: v.exactOptional(whole(2, 1_000_000)),
  dropLinkOnActivate: v.exactOptional(v.boolean()),
});

/** Every field may be missing; what is not named is refused. */
const PROFILE = v.strictObject({
  name: v.exactOptional(v.string()),
  title: v.exactOptional(v.string()),
  deviceId: v.exactOptional(parsed(eui64)),
  manufacturer: v.exactOptional(parsed(hexValue(4))),
  imageType: v.exactOptional(parsed(hexValue(4))),
  hardware: v.exactOptional(parsed(hexValue(4))),
  flash: v.exactOptional(FLASH),
  firmware: v.optional(
    v.strictObject({
      version: v.optional(version, '00010000'),
      counter: v.optional(whole(0, 0xffff_ffff), 1),
      bytes: v.optional(whole(1, FIRST_IMAGE_BYTES_MAX), FIRST_IMAGE_BYTES),
    }),
    {},
  ),
  timings: v.optional(
    v.strictObject({
      restartDelayMs: v.exactOptional(whole(0, PROFILE_MS_MAX)),
      selfTestMs: v.exactOptional(whole(0, PROFILE_MS_MAX)),
    }),
    {},
  ),
  quirks: v.optional(QUIRKS, {}),
  windowBytes: v.exactOptional(whole(1, 1_048_576)),
  loadW: v.exactOptional(whole(0, LOAD_W_MAX)),
  failingVersions: v.optional(v.array(version), []),
  behaviours: v.optional(v.array(v.strictObject({ version, behaviour: v.picklist(FIRMWARE_BEHAVIOURS) })), []),
});

export interface ProfileJson {
  readonly name?: string;
  readonly title?: string;
  readonly deviceId?: Uint8Array;
  readonly manufacturer?: number;
  readonly imageType?: number;
  readonly hardware?: number;
  readonly flash?: {
    readonly sectorRuns: readonly { readonly count: number; readonly sectorBytes: number }[];
    readonly granuleBytes: number;
    readonly granuleRewritable: boolean;
    readonly erasedValue: 0x00 | 0xff;
    readonly timings?: {
      readonly programUsPerGranule: number;
      readonly eraseUsPerSector: number;
      readonly readNsPerByte: number;
    };
    readonly imageBytesMax?: number;
    readonly stagingBytes?: number;
    readonly profileDays?: number;
  };
  readonly firmware: { readonly version: number; readonly counter: number; readonly bytes: number };
  readonly timings: { readonly restartDelayMs?: number; readonly selfTestMs?: number };
  readonly quirks: {
    readonly blockShiftMin?: number;
    readonly blockShiftMax?: number;
    readonly windowBytes?: number;
    readonly busyEveryOffers?: number;
    readonly dropEveryDataFrames?: number;
    readonly dropLinkOnActivate?: boolean;
  };
  readonly windowBytes?: number;
  readonly loadW?: number;
  readonly failingVersions: readonly number[];
  readonly behaviours: readonly { readonly version: number; readonly behaviour: FirmwareBehaviour }[];
}

export type ProfileRead =
  | { readonly ok: true; readonly value: ProfileJson }
  | { readonly ok: false; readonly path: string; readonly message: string };

export function readProfileJson(json: unknown): ProfileRead {
  const read = v.safeParse(PROFILE, json);
  if (read.success) return { ok: true, value: read.output };
  const [issue] = read.issues;
  return { ok: false, path: v.getDotPath(issue) ?? 'it', message: issue.message };
}
