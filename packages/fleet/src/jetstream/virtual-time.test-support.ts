import type { World } from '@smets1/host';

/** Turns of the event loop in which everything that needs no time (promises, memory links) comes to rest. */
const TURNS = 12;

/** Settles `promise` on the time of a world: its clock moves on only when nothing is left to do at once. */
export async function onVirtualTime<T>(world: World, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  promise.then(settle, settle);
  for (;;) {
    for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    if (isSettled) return await promise;
    if (world.run({ maxEvents: 1 }).events === 0)
      throw new Error(`nothing is left that could settle it, at ${world.now()} ms`);
  }
}
