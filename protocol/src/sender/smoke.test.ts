import { it, expect } from 'vitest';
import { Pair } from '../test-support/pair.test-support.js';
import { modelImage, planOf, authorisationFor } from '../test-support/model-image.test-support.js';
it('x', () => {
  const image = modelImage();
  const pair = new Pair({ plan: planOf({ image, authorisation: authorisationFor(image) }) });
  const r = pair.run();
  console.log(JSON.stringify({ kind: r.kind, ...(r.kind==='failed'?r:{}) , what: r.kind==='done'? r.what: 0}, (k,v)=>typeof v==='bigint'?String(v):v), pair.world.nowMs, pair.meter.counts, pair.meter.alerts, pair.host.stats);
  expect(r.kind).toBe('done');
});
