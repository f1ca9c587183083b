/** A store on files in memory, and what the tests of the intake ask of it. */
import { errnoOf, memoryFiles } from '@smets1/journal';
import type { MemoryFiles } from '@smets1/journal';
import { benchImage, crypto, deviceId, idOctets, requestId, trust } from '../bench.test-support.js';
import { DcoError } from '../error.js';
import type { Answer } from '../error.js';
import { inventoryOf } from '../inventory.js';
import { pull } from '../responses/pull.js';
import { takePart } from './intake.js';
import type { Intake, PartAccepted } from './intake.js';
import { DEFAULT_SETTINGS } from './settings.js';
import type { DcoSettings } from './settings.js';
import type { StoreState } from './state.js';
import { openStore } from './store.js';
import type { Store } from './store.js';

export const DIRECTORY = 'dco';
export const image = benchImage();
export const devices = [1, 2, 3].map((n) => idOctets(deviceId(n)));
const inventory = inventoryOf(
  { devices: [1, 2, 3].map((n) => ({ deviceId: deviceId(n), address: `meter ${n}` })) },
  'the inventory of the test',
  '.',
);

export interface Bench {
  readonly world: MemoryFiles;
  readonly store: Store;
  readonly intake: Intake;
  readonly send: (part: Uint8Array, counter: number, to?: readonly Uint8Array[]) => Promise<Answer<PartAccepted>>;
}

export function open(
  world: MemoryFiles = memoryFiles({ seed: 1 }),
  settings: Partial<DcoSettings> = {},
  nowMs: () => number = () => 1000,
): Bench {
  const store = openStore({
    files: world.files,
    directory: DIRECTORY,
    processes: world.processes,
    segmentBytes: 64 * 1024,
    deadBytesMin: 1,
  });
  const intake: Intake = { store, crypto, trust, inventory, settings: { ...DEFAULT_SETTINGS, ...settings }, nowMs };
  const send = (
    part: Uint8Array,
    counter: number,
    to: readonly Uint8Array[] = devices,
  ): Promise<Answer<PartAccepted>> => takePart(intake, { requestId: requestId(counter), devices: to, octets: part });
  return { world, store, intake, send };
}

export const codeOf = (answer: Answer<unknown>): string =>
  answer.ok ? 'ok' : (answer.refusal.fault ?? answer.refusal.code);
export const responsesOf = (state: StoreState): readonly string[] =>
  pull(state, 0).responses.map(({ requestId: id, code }) => `${id.split(':')[2]} ${code}`);

export async function thrownCode(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof DcoError ? error.code : errnoOf(error);
  }
  return 'nothing';
}
