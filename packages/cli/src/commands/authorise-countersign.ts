import { loadPrivateKey, nodeCrypto, nodeSigner } from '@smets1/host';
import { AUTHORISATION_BYTES, countersign, runTask, verifySupplierSignature } from '@smets1/protocol';
import { CliError } from '../errors.js';
import { REFUSAL_EXIT } from '../exit-codes.js';
import { readInput } from '../files/input-file.js';
import { checkOutput, writeOutput } from '../files/output-file.js';
import type { TrustedKeyFile } from '../flags/values.js';
import { failed, type CommonFlags, type Finish, type Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { loadTrust } from '../trust.js';
import { authorisationWritten } from './authorise-sign.js';

export interface CountersignFlags extends CommonFlags {
  readonly key: string;
  readonly trust: readonly TrustedKeyFile[];
  readonly out: string;
  readonly force: boolean;
}

/** Countersigns, as the DCO, what a trusted supplier signed. */
export function authoriseCountersign(job: Job, flags: CountersignFlags, path: string): Finish {
  const out = pathFrom(job.shell, flags.out);
  checkOutput(out, flags, pathFrom(job.shell, path));
  const trust = loadTrust(job, flags.trust, ['supplier']);
  const octets = readInput(pathFrom(job.shell, path), 'the authorisation', AUTHORISATION_BYTES);
  const crypto = nodeCrypto();
  const checked = runTask(verifySupplierSignature(octets, trust.supplier), crypto);
  if (!checked.ok) {
    const { code, detail } = checked.fault;
    return failed(REFUSAL_EXIT[code], `${path} is not countersigned (${code}): ${detail}`, { fields: { code } });
  }
  if (checked.value.countersigned)
    throw new CliError('usage', `${path} is countersigned already; it can be used as it is`);
  const dco = loadPrivateKey(pathFrom(job.shell, flags.key));
  const countersigned = runTask(countersign(checked.value.octets), crypto, nodeSigner({ dco }));
  writeOutput(out, countersigned, flags);
  return authorisationWritten(countersigned, flags.out, out);
}
