/** The bad end of a check: what was found wrong with an object that came from elsewhere. */
import type { Fault, JoinFault } from '@smets1/protocol';
import { PACKAGE_FAULT_EXIT } from './exit-codes.js';
import { failed, type Finish } from './run-command.js';

/** @param what - For people: `the package`, with its path. */
export function notSound(what: string, fault: Fault<JoinFault>): Finish {
  return failed(PACKAGE_FAULT_EXIT[fault.code], `${what} does not verify (${fault.code}): ${fault.detail}`, {
    fields: { code: fault.code, ...(fault.block === undefined ? {} : { block: fault.block }) },
    ...wayOutOf(fault.code),
  });
}

function wayOutOf(code: JoinFault): { readonly wayOut?: string } {
  switch (code) {
    case 'unknownKey':
      return { wayOut: 'if the signer is known to you by another key, name that key with --trust' };
    case 'truncated':
    case 'badCrc':
    case 'trailingOctets':
    case 'badLength':
      return { wayOut: 'get the file again: it was cut or changed on its way' };
    case 'unsupportedVersion':
    case 'unsupportedProfile':
    case 'unsupportedEncoding':
    case 'unknownCriticalField':
      return { wayOut: 'a newer release of smets1 may read it' };
    default:
      return {};
  }
}
