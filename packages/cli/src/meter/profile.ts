/** A meter model as data: who it is, what its flash is like, how long things take, what its first firmware is. */
import {
  DEFAULT_LAYOUT,
  planLayout,
  PROFILE_NAMES,
  profileNamed,
  RESTART_DELAY_MS,
  SELF_TEST_MS,
  SLOT_HEADER_BYTES,
  SLOT_IMAGE_BYTES_DEFAULT,
  type DeviceProfile,
  type DeviceQuirks,
  type FirmwareBehaviour,
  type FirmwareTimings,
  type FlashLayout,
} from '@smets1/emulator';
import { CliError } from '../errors.js';
import { messageOf, readInput } from '../files/input-file.js';
import { eui64 } from '../flags/values.js';
import { LOAD_W_DEFAULT, PROFILE_FILE_BYTES_MAX } from '../limits.js';
import { hexNumber } from '../output/style.js';
import { readProfileJson, type ProfileJson } from './profile-schema.js';

export interface MeterProfile {
  readonly deviceId: Uint8Array;
  readonly manufacturerCode: number;
  readonly imageType: number;
  readonly hardwareVersion: number;
  readonly layout: FlashLayout;
  /** The firmware it leaves the factory with. */
  readonly firmware: { readonly version: number; readonly counter: number; readonly bytes: number };
  readonly timings: FirmwareTimings;
  readonly quirks: DeviceQuirks;
  readonly windowBytes: number | undefined;
  /** Power that the home draws. */
  readonly loadW: number;
  /** Versions that fail their own test on trial, so that the meter reverts. */
  readonly failingVersions: readonly number[];
  readonly behaviours: ReadonlyMap<number, FirmwareBehaviour>;
}

const DEVICE_ID = '00-DB-12-34-56-78-90-A0';
const MANUFACTURER = 0x121d;
const IMAGE_TYPE = 0x0001;
const HARDWARE = 0x1111;

/** The family of that name, the profile in a file, or a meter of no particular make. @throws {@link CliError} `usage` with the field that is wrong */
export function readProfile(
  nameOrPath: string | undefined,
  resolve: (path: string) => string = (path) => path,
): MeterProfile {
  if (nameOrPath === undefined) return profileOf({}, 'the default profile');
  if (PROFILE_NAMES.includes(nameOrPath)) return profileOf(jsonOf(profileNamed(nameOrPath)), nameOrPath);
  const path = resolve(nameOrPath);
  let text: string;
  try {
    text = new TextDecoder().decode(readInput(path, 'the profile', PROFILE_FILE_BYTES_MAX));
  } catch (error) {
    if (!(error instanceof CliError && error.code === 'file-missing')) throw error;
    const known = PROFILE_NAMES.join(', ');
    throw new CliError(error.code, `${error.message}; it is no profile's name either, which are ${known}`, {
      cause: error,
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new CliError('usage', `the profile ${path} is no JSON: ${messageOf(error)}`, { cause: error });
  }
  return profileOf(json, `the profile ${path}`);
}

/** A family as the JSON that `--profile FILE` takes. @throws {@link CliError} `usage` for a name that none has */
export function printedProfile(name: string): string {
  if (!PROFILE_NAMES.includes(name)) {
    throw new CliError('usage', `no profile is called ${name}; there are ${PROFILE_NAMES.join(', ')}`);
  }
  const common = {
    deviceId: DEVICE_ID,
    manufacturer: hexNumber(MANUFACTURER, 4),
    imageType: hexNumber(IMAGE_TYPE, 4),
    hardware: hexNumber(HARDWARE, 4),
  };
  return JSON.stringify({ ...jsonOf(profileNamed(name)), ...common, loadW: LOAD_W_DEFAULT }, undefined, 2);
}

/** The default profile, with slots that hold an image of `imageBytes`. */
export function profileFor(imageBytes: number): MeterProfile {
  const profile = readProfile(undefined);
  if (imageBytes <= SLOT_IMAGE_BYTES_DEFAULT) return profile;
  const { geometry } = DEFAULT_LAYOUT;
  const more = 2 * Math.ceil((imageBytes - SLOT_IMAGE_BYTES_DEFAULT) / geometry.sectorRuns.at(-1)!.sectorBytes);
  const sectorRuns = geometry.sectorRuns.map((run, i, runs) =>
    i < runs.length - 1 ? run : { ...run, count: run.count + more },
  );
  return { ...profile, layout: planLayout({ ...geometry, sectorRuns }, { imageBytesMax: imageBytes }) };
}

function jsonOf({ name, title, layout, timings, quirks }: DeviceProfile): object {
  const slot = layout.partitions.find((partition) => partition.name === 'slot-0')!;
  // The largest image that its slots hold: planned with it, the layout is the same again.
  const flash = { ...layout.geometry, imageBytesMax: slot.lengthBytes - SLOT_HEADER_BYTES };
  return { name, title, flash, timings, quirks };
}

function profileOf(json: unknown, name: string): MeterProfile {
  const read = readProfileJson(json);
  if (!read.ok) throw new CliError('usage', `${name}: ${read.path}: ${read.message}`);
  const { deviceId, manufacturer, imageType, hardware, flash, windowBytes, behaviours, ...rest } = read.value;
  const { firmware, quirks, failingVersions, timings, loadW } = rest;
  return {
    firmware,
    quirks,
    failingVersions,
    deviceId: deviceId ?? eui64(DEVICE_ID),
    manufacturerCode: manufacturer ?? MANUFACTURER,
    imageType: imageType ?? IMAGE_TYPE,
    hardwareVersion: hardware ?? HARDWARE,
    windowBytes,
    loadW: loadW ?? LOAD_W_DEFAULT,
    timings: { restartDelayMs: RESTART_DELAY_MS, selfTestMs: SELF_TEST_MS, ...timings },
    behaviours: new Map(behaviours.map(({ version, behaviour }) => [version, behaviour])),
    layout: layoutOf(flash, name),
  };
}

function layoutOf(flash: ProfileJson['flash'], name: string): FlashLayout {
  if (flash === undefined) return DEFAULT_LAYOUT;
  const { imageBytesMax, stagingBytes, profileDays, ...geometry } = flash;
  try {
    return planLayout(geometry, {
      ...(imageBytesMax === undefined ? {} : { imageBytesMax }),
      ...(stagingBytes === undefined ? {} : { stagingBytes }),
      ...(profileDays === undefined ? {} : { profileDays }),
    });
  } catch (error) {
    throw new CliError('usage', `${name}: flash: ${messageOf(error)}`, { cause: error });
  }
}
