/** Who is spoken to when: one job a meter at a time, so many meters at once, in the order in which they came. */
export interface Lanes {
  /** Runs `job` once the meter and a place are free. Jobs must not throw. */
  add(deviceId: string, job: () => Promise<void>): void;
  /** Jobs that run or wait. */
  readonly count: number;
  /** Drops what waits, and resolves when nothing runs. */
  close(): Promise<void>;
}

export function openLanes(placesMax: number): Lanes {
  const waiting = new Map<string, (() => Promise<void>)[]>();
  /** Meters with a job that could run, in order. */
  const ready = new Set<string>();
  const busy = new Map<string, Promise<void>>();
  let isClosed = false;
  let waitingCount = 0;

  const start = (): void => {
    while (busy.size < placesMax) {
      const [deviceId] = ready;
      if (deviceId === undefined) return;
      ready.delete(deviceId);
      const jobs = waiting.get(deviceId) ?? [];
      const job = jobs.shift();
      if (jobs.length === 0) waiting.delete(deviceId);
      if (job === undefined) continue;
      waitingCount -= 1;
      const done = job().then(() => {
        busy.delete(deviceId);
        if (waiting.has(deviceId)) ready.add(deviceId);
        start();
      });
      busy.set(deviceId, done);
    }
  };

  return {
    add(deviceId, job) {
      if (isClosed) return;
      const jobs = waiting.get(deviceId) ?? [];
      jobs.push(job);
      waitingCount += 1;
      waiting.set(deviceId, jobs);
      if (!busy.has(deviceId)) ready.add(deviceId);
      start();
    },
    get count() {
      return waitingCount + busy.size;
    },
    async close() {
      isClosed = true;
      waiting.clear();
      ready.clear();
      waitingCount = 0;
      await Promise.all(busy.values());
    },
  };
}
