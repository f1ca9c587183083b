/** What a whole history starts from: a flash geometry, a meter from the factory, the image it is to get, and how that is to end. */
import {
  createFlash,
  manufacture,
  planLayout,
  writeSlotImage,
  FlashError,
  type FlashGeometry,
  type FlashLayout,
  type NorFlash,
} from '@smets1/emulator';
import type { SenderPlan } from '@smets1/protocol';
import { live, nothingKnown, powerOn } from './life.js';
import { CRYPTO, IDENTITY, party, permission, type Party } from './parties.js';

/**
 * `update`: a good image comes, is activated and confirms. `revert`: it never finds itself well. `reject`: its supplier's signature is not
 * one; it must never run. `second`: the good image comes after another update, so that it goes where the first image was.
 */
export type Path = 'update' | 'revert' | 'reject' | 'second';

export interface SceneWish {
  readonly path: Path;
  readonly imageBytes: number;
  readonly granuleBytes?: number;
  readonly erasedValue?: 0x00 | 0xff;
  readonly granuleRewritable?: boolean;
  /** Octets of the sectors; with two sizes the first is of the sectors before the slots. */
  readonly sectorBytes?: readonly number[];
  /** Starts that the boot log has seen before: where in its ring it stands. */
  readonly starts?: number;
  /** Security counters of the first image, and of the one that comes. */
  readonly floor?: number;
  readonly nextCounter?: number;
}

export interface Scene {
  /** Names it in cases; no spaces. */
  readonly name: string;
  readonly path: Path;
  readonly layout: FlashLayout;
  readonly old: Party;
  readonly next: Party;
  /** What ran before the old one, on the path `second`. */
  readonly before: Party | undefined;
  readonly plan: SenderPlan;
  /** As the meter stands before anybody talks to it. Fork it; it is shared by all worlds. */
  readonly start: NorFlash;
  readonly isGood: boolean;
}

/** The smallest device of a geometry on which everything has its place. */
function layoutOf(wish: SceneWish): FlashLayout {
  const { granuleBytes = 16, erasedValue = 0xff, granuleRewritable = granuleBytes === 16 } = wish;
  const [small, large = small] = wish.sectorBytes ?? [4096];
  const needs = { imageBytesMax: wish.imageBytes, stagingBytes: 8192, profileDays: 2 };
  const slots = { count: 2 * Math.ceil((wish.imageBytes + 4096) / large!), sectorBytes: large! };
  for (let count = 8; ; count += 4) {
    const sectorRuns = [{ count, sectorBytes: small! }, slots];
    try {
      return planLayout({ sectorRuns, granuleBytes, granuleRewritable, erasedValue }, needs);
    } catch (error) {
      if (!(error instanceof FlashError) || count > SECTORS_MAX) throw error;
    }
  }
}

const SECTORS_MAX = 2048;

export function sceneOf(wish: SceneWish): Scene {
  const layout = layoutOf(wish);
  const { geometry } = layout;
  const { imageBytes, path } = wish;
  // Some sixteen blocks at least, of whole granules.
  const blockShift = Math.max(imageBytes < 16_384 ? 8 : 10, Math.ceil(Math.log2(geometry.granuleBytes)));
  const size = (less: number): number => imageBytes - less;
  const first = party({ version: 0x0101, imageBytes: size(700), blockShift, securityCounter: wish.floor });
  const second = party({ version: 0x0202, imageBytes: size(1300), blockShift });
  const isForeign = path === 'reject';
  const next = party({ version: 0x0303, imageBytes, blockShift, isForeign, securityCounter: wish.nextCounter });
  const start = createFlash(layout);
  manufacture(start, CRYPTO, IDENTITY, first.slotImage);
  // What an earlier transfer left: a slot that was never written has nothing that a torn erase could leave.
  writeSlotImage(start, 1, party({ version: 0x0404, imageBytes, blockShift }).octets);
  const scene = (image: Party, counter: bigint): Scene => ({
    name: nameOf(wish, geometry),
    path,
    layout,
    old: path === 'second' && image === next ? second : first,
    before: path === 'second' && image === next ? first : undefined,
    next: image,
    plan: planFor(image, counter),
    start,
    isGood: path !== 'revert',
  });
  for (let i = 0; i < (wish.starts ?? 0); i++) powerOn(scene(next, 1n), start, 0);
  if (path !== 'second') return scene(next, 1n);
  const { result } = live({ scene: scene(second, 1n), flash: start, known: nothingKnown(), startMs: 0 });
  if (result?.kind !== 'done') throw new Error(`the update before "second" failed: ${JSON.stringify(result?.detail)}`);
  return scene(next, 2n);
}

function nameOf(wish: SceneWish, { granuleBytes, granuleRewritable, erasedValue }: FlashGeometry): string {
  const rewritable = granuleRewritable ? 'rw' : 'once';
  const parts = [wish.path, wish.imageBytes, `g${granuleBytes}`, rewritable, erasedValue === 0 ? '00' : 'ff'];
  if (wish.sectorBytes !== undefined) parts.push(wish.sectorBytes.join('+'));
  if (wish.starts !== undefined) parts.push(`s${wish.starts}`);
  if (wish.floor !== undefined) parts.push(`f${wish.floor}`);
  return parts.join('-');
}

export function planFor(image: Party, originatorCounter: bigint): SenderPlan {
  return {
    image: image.image,
    authorisation: permission(image, originatorCounter),
    replace: true,
    deviceId: IDENTITY.eui64,
    octetsPerSecond: undefined,
    random: new Uint8Array(8).fill(7),
  };
}
