/**
 * Goal: an update comes to its end however short the power stays on: from one cut to the next the meter gets a few flash operations further, and no
 * share of its work is so long that its host takes it for dead.
 * Method: a host that begins again after each cut, over a meter whose power stays on for K flash operations; and flash that takes its time.
 */
import { describe, expect, it } from 'vitest';
import { encodeHostMessage, decodeMeterMessage, toHex, type MeterMessage, type SendableImage } from '@smets1/protocol';
import { PowerLost } from './errors.js';
import { manufacture, startEsme, type Esme } from './esme.js';
import { authorise, crypto, deliver, IDENTITY, makeImage, planOf, signer, slotImageOf } from './esme.test-support.js';
import type { FaultPlan } from './flash/fault-plan.js';
import type { FlashGeometry } from './flash/flash-port.js';
import { planLayout } from './flash/layout-plan.js';
import { createFlash, type NorFlash } from './flash/nor-flash.js';

const GEOMETRY: FlashGeometry = {
  sectorRuns: [{ count: 96, sectorBytes: 4096 }],
  granuleBytes: 16,
  granuleRewritable: true,
  erasedValue: 0xff,
};
const NEEDS = { imageBytesMax: 65_536, stagingBytes: 8192, profileDays: 4 };
const OLD = makeImage({ imageBytes: 3000, fileVersion: 1 });
const NEW = makeImage({ imageBytes: 50_000, fileVersion: 2 });
const NEW_SECTORS = 1 + Math.ceil(50_000 / 4096);

function factory(geometry: FlashGeometry): NorFlash {
  const flash = createFlash(planLayout(geometry, NEEDS));
  manufacture(flash, crypto, IDENTITY, slotImageOf(OLD));
  return flash;
}

function start(flash: NorFlash, nowMs: number): Esme {
  return startEsme({ flash, crypto, signer }, {}, nowMs);
}

/** One power on after the other, each cut by its plan, with a host that offers and goes on each time. */
function updateWith(flash: NorFlash, image: SendableImage, planAt: (cycle: number) => FaultPlan): { readonly cycles: number; readonly meter: Esme } {
  const plan = planOf(image, authorise(image, 1n));
  for (let cycle = 0; cycle < 2000; cycle++) {
    flash.powerOn();
    flash.arm(planAt(cycle));
    try {
      const meter = start(flash, cycle * 60_000);
      const { result } = deliver(meter, plan, cycle * 60_000);
      flash.arm(undefined);
      if (result.kind !== 'done') throw new Error(JSON.stringify(result));
      return { cycles: cycle, meter };
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error;
    }
  }
  throw new Error('no end in 2000 cycles');
}

describe('x', () => {
  const GEOS: FlashGeometry[] = [GEOMETRY, {...GEOMETRY, granuleBytes: 8, granuleRewritable: false, erasedValue: 0}, {...GEOMETRY, granuleBytes: 1}, {...GEOMETRY, granuleBytes: 512, granuleRewritable: false, sectorRuns: [{count:140, sectorBytes: 8192}]}];
  GEOS.forEach((geo, g) => {
  const blank = factory(geo);
  for (const [n, plan] of Object.entries({ before: {phase:'before'}, prefix: {phase:'during'}, bits: {phase:'during',mode:'bits'}, weak: {phase:'during',mode:'bits',weak:true}, nb: {phase:'during',mode:'bits',weak:true,neighbour:true}, after: {phase:'after'} } as const))
    it(`geo ${g} ${n}`, () => {
      const out: string[] = [];
      for (let k = 3; k <= 12; k++) {
      const flash = blank.fork();
      try {
      const { cycles, meter } = updateWith(flash, NEW, (c) => ({ cutAt: k + 1, seed: c*7+k, ...plan }));
      out.push(k + ':' + cycles + (meter.view(1e9).runningHash === toHex(NEW.manifest.imageHash) ? '':'!!'));
      } catch (e) { out.push(k + ':' + String(e).slice(0,150)); }
      }
      console.log(g, n, out.join(' '));
    });
  });
});
