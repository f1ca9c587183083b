/** What an error of any package means to whoever typed the command. */
import { CampaignError } from '@smets1/campaign';
import { DcoError } from '@smets1/dco';
import { EmulatorError, FlashFileError } from '@smets1/emulator';
import { FleetError, WorkError } from '@smets1/fleet';
import { LinkError } from '@smets1/hardware';
import { HostError } from '@smets1/host';
import { GuardError } from '@smets1/http-guard';
import { JournalError } from '@smets1/journal';
import {
  CAMPAIGN_EXIT,
  DCO_EXIT,
  DCO_REFUSAL_EXIT,
  EXIT,
  FLEET_EXIT,
  GUARD_EXIT,
  HOST_EXIT,
  JOURNAL_EXIT,
  LINK_EXIT,
  PACKAGE_FAULT_EXIT,
  WORK_EXIT,
  type ExitCode,
} from './exit-codes.js';
import { errnoOf, messageOf } from './files/input-file.js';
import { failed, type Finish } from './run-command.js';

/** A bad end for `error`: with its own cause and way out where it is one we know, else as a defect of ours. */
export function explain(error: unknown): Finish {
  if (error instanceof DcoError && exitCodeOfDco(error) !== EXIT.defect) return known(exitCodeOfDco(error), error);
  if (error instanceof JournalError && JOURNAL_EXIT[error.code] !== EXIT.defect)
    return known(JOURNAL_EXIT[error.code], error);
  if (error instanceof CampaignError && CAMPAIGN_EXIT[error.code] !== EXIT.defect)
    return known(CAMPAIGN_EXIT[error.code], error);
  if (error instanceof GuardError) return known(GUARD_EXIT[error.code], error);
  if (error instanceof WorkError) return known(WORK_EXIT[error.code], error);
  if (error instanceof LinkError) return known(LINK_EXIT[error.code], error);
  if (error instanceof HostError && HOST_EXIT[error.code] !== EXIT.defect) return known(HOST_EXIT[error.code], error);
  if (error instanceof FleetError && FLEET_EXIT[error.code] !== EXIT.defect)
    return known(FLEET_EXIT[error.code], error);
  if (error instanceof FlashFileError) return known(EXIT.storage, error);
  const errno = errnoOf(error);
  if (STORAGE_ERRNOS.has(errno)) {
    return failed(EXIT.storage, `the storage failed: ${messageOf(error)}`, {
      wayOut: 'free some space or mend the disk, then run the same again',
      fields: { code: errno },
    });
  }
  return failed(EXIT.defect, `this should not have happened: ${messageOf(error)}`, {
    wayOut:
      'it is a defect of smets1, not yours; SMETS1_DEBUG=1 before the same command shows where it is, for a report',
    fields: { code: error instanceof EmulatorError ? error.code : 'defect' },
  });
}

const STORAGE_ERRNOS: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EFBIG']);

/** What the server said counts for more than that it said it. */
function exitCodeOfDco({ code, refusal }: DcoError): ExitCode {
  if (refusal === undefined) return DCO_EXIT[code];
  if (refusal.status === UNAUTHORISED) return EXIT.port;
  const table: Readonly<Record<string, ExitCode>> =
    refusal.code === 'part-refused' ? PACKAGE_FAULT_EXIT : DCO_REFUSAL_EXIT;
  return table[refusal.code === 'part-refused' ? (refusal.fault ?? '') : refusal.code] ?? DCO_EXIT[code];
}

const UNAUTHORISED = 401;

function known(exitCode: ExitCode, error: Error & { readonly code: string }): Finish {
  const refusal = error instanceof DcoError ? error.refusal : undefined;
  return failed(exitCode, error.message, { fields: { code: refusal?.code ?? error.code, fault: refusal?.fault } });
}
