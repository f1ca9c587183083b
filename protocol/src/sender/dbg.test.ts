import { it } from 'vitest';
import { modelImage, planOf, authorisationFor } from '../test-support/model-image.test-support.js';
import { Pair } from '../test-support/pair.test-support.js';
const image = modelImage({ bytes: 256 * 24 + 100 });
it('x', () => {
  const log: string[] = [];
  let pair!: Pair;
  pair = new Pair({ plan: planOf({ image }), line: { octetsPerSecond: 5_000, latencyMs: 20 }, meter: { device: { windowBytes: 1024 } },
    hostSays: (e) => (log.push(`${pair?.world.nowMs} H ${e.message.kind} ${e.sequence} tag ${e.sessionTag}`), true),
    meterSays: (e) => (log.push(`${pair?.world.nowMs}   M ${e.message.kind} ${e.sequence} tag ${e.sessionTag} ${'code' in e.message ? e.message.code : ''}`), true) });
  pair.world.run(Infinity, () => pair.world.events >= 35);
  log.push('CRASH');
  pair.crashHost(300);
  const r = pair.run();
  console.log(log.slice(0,80).join('\n'), JSON.stringify(r).slice(0,300));
});
const image2 = modelImage({ bytes: 256 * 30 + 17 });
it('y', () => {
  const log: string[] = [];
  let pair!: Pair;
  pair = new Pair({ seed: 932898590, plan: planOf({ image: image2, authorisation: authorisationFor(image2) }), framing: 'message', line: { faults: {loss:0,twice:0,late:0,flip:0,splice:0.11692310264334084}, latencyMs: 750 }, meter: { checkJitterMs: 20 },
    hostSays: (e) => (log.push(`${pair?.world.nowMs} H ${e.message.kind} ${e.sequence} tag ${e.sessionTag}`), true),
    meterSays: (e) => (log.push(`${pair?.world.nowMs}   M ${e.message.kind} ${e.sequence} tag ${e.sessionTag} ${'code' in e.message ? e.message.code : ''}`), true) });
  const r = pair.run();
  console.log(log.slice(-60).join('\n'), JSON.stringify(r).slice(0,300), log.length, pair.struck());
});
