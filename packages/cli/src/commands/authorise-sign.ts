import { loadPrivateKey, nodeCrypto, nodeSigner } from '@smets1/host';
import {
  decodeAuthorisation,
  manifestDigest,
  NO_END_S,
  PACKAGE_BYTES_MAX,
  readContainer,
  runTask,
  signAuthorisation,
  verifyPackage,
} from '@smets1/protocol';
import { CliError } from '../errors.js';
import { readInput } from '../files/input-file.js';
import { checkOutput, writeOutput } from '../files/output-file.js';
import type { TrustedKeyFile } from '../flags/values.js';
import { authorisationFields, authorisationRows } from '../output/describe.js';
import { rows } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { loadTrust } from '../trust.js';
import { notSound } from '../verdict.js';

export interface AuthoriseSignFlags extends CommonFlags {
  readonly package: string;
  readonly deviceId: Uint8Array;
  readonly originator: Uint8Array;
  readonly counter: bigint;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly key: string;
  readonly trust?: readonly TrustedKeyFile[];
  readonly out: string;
  readonly force: boolean;
}

/** Signs, as the supplier, that one meter may activate the image of a package. */
export function authoriseSign(job: Job, flags: AuthoriseSignFlags): Finish {
  const out = pathFrom(job.shell, flags.out);
  checkOutput(out, flags);
  const [notBeforeS, notAfterS] = [flags.notBefore ?? 0, flags.notAfter ?? NO_END_S];
  if (notAfterS < notBeforeS)
    throw new CliError('usage', '--not-after is earlier than --not-before; it would never be valid');
  const crypto = nodeCrypto();
  const octets = readInput(pathFrom(job.shell, flags.package), 'the package', PACKAGE_BYTES_MAX);
  const read = readContainer(octets);
  if (!read.ok) return notSound(flags.package, read.fault);
  if (flags.trust === undefined) {
    job.report.warn(
      `the signatures in ${flags.package} were not checked; --trust manufacturer=PEM --trust supplier=PEM does that first`,
    );
  } else {
    const trust = loadTrust(job, flags.trust, ['manufacturer', 'supplier']);
    const checked = runTask(verifyPackage(octets, trust), crypto);
    if (!checked.ok) return notSound(flags.package, checked.fault);
  }
  const { manifest } = read.value;
  const supplier = loadPrivateKey(pathFrom(job.shell, flags.key));
  const signed = runTask(
    signAuthorisation({
      deviceId: flags.deviceId,
      imageHash: manifest.imageHash,
      manifestDigest: runTask(manifestDigest(manifest), crypto),
      originator: flags.originator,
      originatorCounter: flags.counter,
      notBeforeS,
      notAfterS,
    }),
    crypto,
    nodeSigner({ supplier }),
  );
  writeOutput(out, signed, flags);
  return authorisationWritten(signed, flags.out, out);
}

/** The good end of both steps of an authorisation. */
export function authorisationWritten(octets: Uint8Array, name: string, path: string): Finish {
  const decoded = decodeAuthorisation(octets);
  if (!decoded.ok) throw new TypeError(`the authorisation just made does not read back: ${decoded.fault.detail}`);
  return {
    ok: true,
    fields: { out: path, ...authorisationFields(decoded.value) },
    text: rows([['wrote', name], ...authorisationRows(decoded.value)]),
  };
}
