/** The scenes that the goals about cuts live in. Made when asked for: a tier pays only for its own. */
import { sceneOf, type Path, type Scene, type SceneWish } from '../engine/scene.js';
import type { Tier } from '../goal.js';

export const PATHS: readonly Path[] = ['update', 'revert', 'reject', 'second'];
export const IMAGE_BYTES: Readonly<Record<Tier, number>> = { Q: 8_192, M: 32_768, L: 131_072 };

/** Granules from an octet to half a sector's row, both erased values, with and without a second program of a granule. */
export function geometries(granules: readonly number[]): readonly Omit<SceneWish, 'path' | 'imageBytes'>[] {
  return granules.flatMap((granuleBytes) =>
    ([0xff, 0x00] as const).flatMap((erasedValue) =>
      [true, false].map((granuleRewritable) => ({ granuleBytes, erasedValue, granuleRewritable })),
    ),
  );
}

const made = new Map<string, Scene>();

/** One scene; the same wish gives the same. */
export function scene(wish: SceneWish): Scene {
  const name = JSON.stringify(wish);
  let known = made.get(name);
  if (known === undefined) {
    known = sceneOf(wish);
    made.set(name, known);
  }
  return known;
}
