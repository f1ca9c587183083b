import { dirname } from 'node:path';
import { ensureTokenFile, loadInventory, startDco } from '@smets1/dco';
import type { ListenAddress } from '@smets1/hardware';
import { CliError } from '../errors.js';
import { makeFolder } from '../files/output-file.js';
import { isLoopback, type TrustedKeyFile } from '../flags/values.js';
import type { Reporter } from '../output/reporter.js';
import { rows } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { inventoryLinks } from '../send/inventory-links.js';
import { pathFrom, untilInterrupted } from '../shell.js';
import { loadTrust } from '../trust.js';
import { tellStage } from '../dco/wait.js';

export interface DcoServeFlags extends CommonFlags {
  readonly store: string;
  readonly inventory: string;
  readonly trust: readonly TrustedKeyFile[];
  readonly key: string;
  readonly listen: ListenAddress;
  readonly allowedHost?: readonly string[];
  readonly tokenFile?: string;
  readonly rate?: number;
}

/** A DCO that runs until it is told to stop; what is not done then goes on with its next start. */
export async function dcoServe(job: Job, flags: DcoServeFlags): Promise<Finish> {
  const interrupted = untilInterrupted(job.shell);
  const store = pathFrom(job.shell, flags.store);
  const trust = loadTrust(job, flags.trust, ['manufacturer', 'supplier']);
  const inventory = loadInventory(pathFrom(job.shell, flags.inventory));
  if (!isLoopback(flags.listen.host) && flags.allowedHost === undefined) {
    throw new CliError(
      'usage',
      `${flags.listen.host} can be reached from other machines; add --allowed-host HOST:PORT, the name they use`,
    );
  }
  makeFolder(dirname(store));
  const tokenPath = flags.tokenFile === undefined ? `${store}.token` : pathFrom(job.shell, flags.tokenFile);
  const token = ensureTokenFile(tokenPath);
  const dco = await startDco({
    directory: store,
    trust,
    inventory,
    links: inventoryLinks(inventory),
    control: { keyPath: pathFrom(job.shell, flags.key) },
    listen: { ...flags.listen, ...(flags.allowedHost === undefined ? {} : { allowedHosts: flags.allowedHost }) },
    token,
    ...(flags.rate === undefined ? {} : { ratePerLink: flags.rate }),
    report: (error) =>
      job.report.warn(`a defect of the DCO: ${error instanceof Error ? error.message : String(error)}`),
  });
  try {
    job.report.event(
      'ready',
      { url: dco.url, store, tokenFile: tokenPath, devices: inventory.devices.size, pid: process.pid },
      rows([
        ['DCO', dco.url],
        ['token', tokenPath],
        ['store', store],
        ['devices', String(inventory.devices.size)],
      ]),
    );
    const events = dco.events.watch();
    const telling = (async () => {
      for await (const event of events) {
        // Many meters are spoken to at a time, so each line says which.
        if ('stage' in event) tellStage(named(job.report, event.deviceId), event, undefined);
      }
    })();
    await interrupted;
    events.close();
    await telling;
  } finally {
    await dco.close();
  }
  return { ok: true, text: 'stopped' };
}

function named(report: Reporter, deviceId: string | undefined): Reporter {
  if (deviceId === undefined) return report;
  return { ...report, event: (name, fields, text) => report.event(name, fields, text && `${deviceId} ${text}`) };
}
