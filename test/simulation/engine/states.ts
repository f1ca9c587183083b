/** The seven states that a meter rests in between the steps of an update, each as a flash of that moment. */
import { readBootState, type NorFlash } from '@smets1/emulator';
import { crc32 } from '@smets1/protocol';
import { live, nothingKnown, type Known, type Moment } from './life.js';
import { isSlot, placeOf } from './places.js';
import type { Scene } from './scene.js';

/** The last moment of each; `idle` is before anybody spoke. */
export const STATE_NAMES = ['idle', 'receiving', 'complete', 'sealed', 'pending', 'trial', 'confirmed'] as const;
export type StateName = (typeof STATE_NAMES)[number];

export interface State {
  readonly name: StateName;
  /** Shared: fork it. */
  readonly flash: NorFlash;
  readonly known: Readonly<Known>;
  readonly nowMs: number;
}

const found = new Map<Scene, Readonly<Record<StateName, State>>>();

/** Of a scene whose update succeeds. */
export function statesOf(scene: Scene): Readonly<Record<StateName, State>> {
  let states = found.get(scene);
  if (states === undefined) {
    states = lived(scene);
    found.set(scene, states);
  }
  return states;
}

function lived(scene: Scene): Readonly<Record<StateName, State>> {
  const states = new Map<StateName, State>();
  const flash = scene.start.fork();
  const known = nothingKnown();
  states.set('idle', { name: 'idle', flash: scene.start, known: { ...known }, nowMs: 0 });
  const { nowMs } = live({
    scene,
    flash,
    known,
    startMs: 0,
    onOperation(moment) {
      const name = nameOf(scene, moment);
      if (name !== 'idle')
        states.set(name, { name, flash: moment.flash.fork(), known: { ...known }, nowMs: moment.nowMs });
    },
  });
  states.set('confirmed', { name: 'confirmed', flash: flash.fork(), known: { ...known }, nowMs });
  const missing = STATE_NAMES.filter((name) => !states.has(name));
  if (missing.length > 0) throw new Error(`the update of ${scene.name} never was ${missing.join(', ')}`);
  return Object.fromEntries(states) as Record<StateName, State>;
}

function nameOf(scene: Scene, moment: Moment): StateName {
  const { flash, known, operation } = moment;
  const { staged, pending, trial, confirmed } = readBootState(flash, { crc32 });
  if (trial !== undefined) return 'trial';
  if (pending !== undefined) return 'pending';
  if (confirmed?.version === scene.next.version) return 'confirmed';
  if (staged !== undefined) return 'sealed';
  const { blockCount } = scene.next.image.manifest;
  if (known.durableBlocks === blockCount) return 'complete';
  const { offsetBytes } = flash.layout.partitions.find(({ name }) => name === placeOf(moment))!;
  const at = operation.kind === 'program' ? operation.offsetBytes - offsetBytes : 0;
  return isSlot(placeOf(moment)) && at > scene.next.octets.length / 2 ? 'receiving' : 'idle';
}
