/** A meter model as data: who it is, what its flash is like, how long things take, what its first firmware is. */
import {
  DEFAULT_LAYOUT,
  IMAGE_BYTES_MAX,
  planLayout,
  RESTART_DELAY_MS,
  SELF_TEST_MS,
  type FlashLayout,
} from '@smets1/emulator';
import * as v from 'valibot';
import { CliError } from '../errors.js';
import { messageOf, readInput } from '../files/input-file.js';
import { eui64, hexValue } from '../flags/values.js';
import { FIRST_IMAGE_BYTES, FIRST_IMAGE_BYTES_MAX, PROFILE_FILE_BYTES_MAX, PROFILE_MS_MAX } from '../limits.js';

export interface MeterProfile {
  readonly deviceId: Uint8Array;
  readonly manufacturerCode: number;
  readonly imageType: number;
  readonly hardwareVersion: number;
  readonly layout: FlashLayout;
  /** The firmware it leaves the factory with. */
  readonly firmware: { readonly version: number; readonly counter: number; readonly bytes: number };
  readonly timings: { readonly restartDelayMs: number; readonly selfTestMs: number };
  readonly windowBytes: number | undefined;
  /** Power that the home draws. */
  readonly loadW: number;
  /** Versions that fail their own test on trial, so that the meter reverts. */
  readonly failingVersions: readonly number[];
}

const count = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));
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

const PROFILE = v.strictObject({
  deviceId: v.optional(parsed(eui64), '00-DB-12-34-56-78-90-A0'),
  manufacturer: v.optional(parsed(hexValue(4)), '121D'),
  imageType: v.optional(parsed(hexValue(4)), '0001'),
  hardware: v.optional(parsed(hexValue(4)), '1111'),
  flash: v.optional(
    v.strictObject({
      sectorRuns: v.array(v.strictObject({ count: count(65_536), sectorBytes: count(1_048_576) })),
      granuleBytes: count(512),
      granuleRewritable: v.boolean(),
      erasedValue: v.picklist([0x00, 0xff]),
      imageBytesMax: v.optional(count(10_240_000)),
    }),
  ),
  firmware: v.optional(
    v.strictObject({
      version: v.optional(parsed(hexValue(8)), '00010000'),
      counter: v.optional(count(0xffff_ffff), 1),
      bytes: v.optional(
        v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(FIRST_IMAGE_BYTES_MAX)),
        FIRST_IMAGE_BYTES,
      ),
    }),
    {},
  ),
  timings: v.optional(
    v.strictObject({
      restartDelayMs: v.optional(count(PROFILE_MS_MAX), RESTART_DELAY_MS),
      selfTestMs: v.optional(count(PROFILE_MS_MAX), SELF_TEST_MS),
    }),
    {},
  ),
  windowBytes: v.optional(count(1_048_576)),
  loadW: v.optional(count(100_000), 300),
  failingVersions: v.optional(v.array(parsed(hexValue(8))), []),
});

/** The profile in a file, or the one of a meter of no particular make. @throws {@link CliError} `usage` with the field that is wrong */
export function readProfile(path: string | undefined): MeterProfile {
  if (path === undefined) return profileOf({}, 'the default profile');
  const text = new TextDecoder().decode(readInput(path, 'the profile', PROFILE_FILE_BYTES_MAX));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new CliError('usage', `the profile ${path} is no JSON: ${messageOf(error)}`, { cause: error });
  }
  return profileOf(json, `the profile ${path}`);
}

/** The default profile, with slots that hold an image of `imageBytes`. */
export function profileFor(imageBytes: number): MeterProfile {
  const profile = readProfile(undefined);
  if (imageBytes <= IMAGE_BYTES_MAX) return profile;
  const { geometry } = DEFAULT_LAYOUT;
  const more = 2 * Math.ceil((imageBytes - IMAGE_BYTES_MAX) / geometry.sectorRuns.at(-1)!.sectorBytes);
  const sectorRuns = geometry.sectorRuns.map((run, i, runs) =>
    i < runs.length - 1 ? run : { ...run, count: run.count + more },
  );
  return { ...profile, layout: planLayout({ ...geometry, sectorRuns }, { imageBytesMax: imageBytes }) };
}

function profileOf(json: unknown, name: string): MeterProfile {
  const read = v.safeParse(PROFILE, json);
  if (!read.success) {
    const [issue] = read.issues;
    throw new CliError('usage', `${name}: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}`);
  }
  const { manufacturer, hardware, flash, windowBytes, ...rest } = read.output;
  return {
    ...rest,
    manufacturerCode: manufacturer,
    hardwareVersion: hardware,
    windowBytes,
    layout: layoutOf(flash, name),
  };
}

function layoutOf(flash: v.InferOutput<typeof PROFILE>['flash'], name: string): FlashLayout {
  if (flash === undefined) return DEFAULT_LAYOUT;
  const { imageBytesMax, ...geometry } = flash;
  try {
    return planLayout(geometry, imageBytesMax === undefined ? {} : { imageBytesMax });
  } catch (error) {
    throw new CliError('usage', `${name}: flash: ${messageOf(error)}`, { cause: error });
  }
}
