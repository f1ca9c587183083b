import { versionText, counted, rows } from '../output/style.js';
import { entryFields } from '../dco/wait.js';
import type { Finish, Job } from '../run-command.js';
import { clientOf, type DcoFlags } from './dco-submit.js';

export interface DcoStatusFlags extends DcoFlags {
  readonly request?: string;
  readonly after?: number;
  readonly acknowledge?: number;
}

/** What a DCO holds, what it answers, and what waits to be acknowledged. */
export async function dcoStatus(job: Job, flags: DcoStatusFlags): Promise<Finish> {
  const client = clientOf(job, flags);
  if (flags.acknowledge !== undefined) {
    const { acknowledgedUpTo } = await client.acknowledge(flags.acknowledge);
    job.report.event('acknowledged', { acknowledgedUpTo }, `acknowledged up to ${acknowledgedUpTo}`);
  }
  if (flags.request !== undefined) {
    const view = await client.request(flags.request);
    return {
      ok: true,
      fields: { ...view },
      text: rows([
        ['request', view.requestId],
        ['service', view.srv],
        ['state', view.state],
        ...view.responses.map((entry) => [`response ${entry.number}`, `${entry.code}: ${entry.message}`] as const),
      ]),
    };
  }
  const [health, images, pulled] = await Promise.all([
    client.health(),
    client.images(),
    client.responses(flags.after ?? 0),
  ]);
  for (const image of images) {
    const missing = image.missing.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(', ');
    const held = `${counted(image.heldBlocks)} of ${counted(image.blockCount)} blocks`;
    const text = `image ${image.imageId.slice(0, 16)}… version ${versionText(image.fileVersion)} ${image.state}, ${held}`;
    job.report.event('image', { ...image }, missing === '' ? text : `${text}, missing ${missing}`);
  }
  for (const entry of pulled.responses) {
    const text = `${entry.kind} ${entry.number}: ${entry.srv} ${entry.requestId} ${entry.code}: ${entry.message}`;
    job.report.event('response', { ...entryFields(entry), srv: entry.srv, kind: entry.kind }, text);
  }
  return {
    ok: true,
    fields: { ...health, acknowledgedUpTo: pulled.acknowledgedUpTo, more: pulled.more },
    text: rows([
      ['state', health.state],
      ['held', `${counted(health.heldBytes)} of ${counted(health.heldBytesMax)} octets, ${health.images} images`],
      ['requests', `${health.requests}, ${health.pendingReleases} releases pending, ${health.busy} meters spoken to`],
      ['responses', `${health.unacknowledged} wait to be acknowledged (--acknowledge N)`],
    ]),
  };
}
