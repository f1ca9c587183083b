import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { loadInventory } from '@smets1/dco';
import { runUpdateWorker, type WorkerEvent, type WorkerTally } from '@smets1/fleet';
import { EXIT } from '../exit-codes.js';
import type { Reporter } from '../output/reporter.js';
import { counted, duration, rows } from '../output/style.js';
import { failed, type Finish, type Job } from '../run-command.js';
import { inventoryLinks } from '../send/inventory-links.js';
import { pathFrom } from '../shell.js';
import { withQueue, type QueueFlags } from './fleet-queue.js';

export interface FleetWorkerFlags extends QueueFlags {
  readonly inventory: string;
  readonly site: string;
  readonly parallel?: number;
  readonly tries?: number;
  /** Seconds. */
  readonly lease?: number;
  readonly rate?: number;
  readonly untilIdle: boolean;
}

/** Takes jobs from a queue until it is told to stop, or its site has none left. It may be killed at any moment. */
export async function fleetWorker(job: Job, flags: FleetWorkerFlags): Promise<Finish> {
  const signal = job.shell.interruption();
  const inventory = loadInventory(pathFrom(job.shell, flags.inventory));
  const workerId = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const lease = flags.lease === undefined ? {} : { leaseMs: flags.lease * 1000 };
  return await withQueue(job, flags, { create: true, ...lease }, async (work) => {
    const ready = { workerId, site: flags.site, nats: flags.nats, devices: inventory.devices.size, pid: process.pid };
    job.report.event(
      'ready',
      ready,
      rows([
        ['worker', workerId],
        ['queue', flags.nats],
        ['site', flags.site],
        ['devices', counted(inventory.devices.size)],
      ]),
    );
    const tally = await runUpdateWorker({
      work,
      workerId,
      site: flags.site,
      inventory,
      links: inventoryLinks(inventory),
      signal,
      untilIdle: flags.untilIdle,
      ...(flags.parallel === undefined ? {} : { parallel: flags.parallel }),
      ...(flags.tries === undefined ? {} : { triesMax: flags.tries }),
      ...(flags.rate === undefined ? {} : { octetsPerSecond: flags.rate }),
      onEvent: (event) => tellWorker(job.report, event),
    });
    return finishOf(tally);
  });
}

function finishOf(tally: WorkerTally): Finish {
  const fields = { ...tally };
  const text = rows([
    ['done', counted(tally.done)],
    ['failed', tally.failed === 0 ? undefined : counted(tally.failed)],
    ['put back', tally.putBack === 0 ? undefined : counted(tally.putBack)],
    ['lost', tally.lost === 0 ? undefined : `${counted(tally.lost)}, to other workers`],
  ]);
  if (tally.failed === 0) return { ok: true, fields, text };
  return failed(EXIT['some-not-done'], `${counted(tally.failed)} meters were not updated`, {
    fields,
    wayOut: 'smets1 fleet status says why; smets1 fleet enqueue --again enters them once more',
  });
}

function tellWorker(report: Reporter, event: WorkerEvent): void {
  switch (event.kind) {
    case 'claimed':
      return report.event('claimed', jobFields(event), `${event.deviceId} claimed`);
    case 'stage': {
      const { stage, durableBlocks, blockCount, detail } = event.stage;
      // One line a step for people; every block for programs.
      const isStep = stage === 'link-lost' || stage === 'meter-found';
      const text = isStep
        ? `${event.deviceId} ${[stage.replaceAll('-', ' '), detail].filter(Boolean).join(': ')}`
        : undefined;
      return report.event(
        'stage',
        { job: event.key, deviceId: event.deviceId, stage, durableBlocks, blockCount, detail },
        text,
      );
    }
    case 'ended': {
      const { record } = event;
      const { deviceId } = record.job;
      const what = record.what ?? `failed (${record.fault?.code}): ${record.fault?.message}`;
      const { state, claim, tries, fault, device } = record;
      const fields = { job: event.key, deviceId, state, what: record.what, claim, tries, ...fault };
      return report.event('ended', { ...fields, attested: device?.attested ?? false }, `${deviceId} ${what}`);
    }
    case 'put-back': {
      const later = event.delayMs > 0 ? `; again in ${duration(event.delayMs)}` : '';
      const { code, detail, delayMs } = event;
      return report.event(
        'put-back',
        { job: event.key, code, detail, delayMs },
        `put back (${code}): ${detail}${later}`,
      );
    }
    case 'no-effect':
      return report.event('no-effect', { job: event.key, detail: event.detail });
    case 'lost':
      return report.event(
        'lost',
        { job: event.key, deviceId: event.deviceId },
        `${event.deviceId} is another worker's by now`,
      );
    case 'server-lost':
    case 'server-back':
      return report.event(event.kind, { detail: event.detail }, event.detail);
    case 'defect':
      return report.warn(
        `a defect of smets1 in ${event.key}: ${event.error instanceof Error ? event.error.message : String(event.error)}`,
      );
  }
}

function jobFields({
  key,
  deviceId,
  claim,
  attempt,
}: Extract<WorkerEvent, { kind: 'claimed' }>): Readonly<Record<string, unknown>> {
  return { job: key, deviceId, claim, attempt };
}
