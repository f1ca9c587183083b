/** What a run on a meter says while it goes on, and how it ended. */
import type { LinkEvent, SendReport } from '@smets1/host';
import {
  formatDeviceId,
  refusalOf,
  resentBytes,
  type Outcome,
  type SenderEvent,
  type SenderPlan,
  type SenderResult,
  type SenderStats,
} from '@smets1/protocol';
import {
  EXIT,
  FAILURE_EXIT,
  LINK_EXIT,
  METER_OUTCOME_EXIT,
  outcomeNameOf,
  REFUSAL_EXIT,
  type ExitCode,
} from '../exit-codes.js';
import type { JsonFields, Reporter } from '../output/reporter.js';
import { counted, hex, rows, versionText } from '../output/style.js';
import { failed, type Finish } from '../run-command.js';
import { REFUSAL_TEXT } from './refusal-text.js';

type Failed = Extract<SenderResult, { kind: 'failed' }>;

/** Tells each event of a run to `report`. */
export function tellEvents(report: Reporter, plan: SenderPlan): (event: SenderEvent | LinkEvent) => void {
  const totalBytes = plan.image?.blocks.reduce((sum, block) => sum + block.length, 0) ?? 0;
  let isBusyTold = false;
  let isFound = false;
  return (event) => {
    const { kind, ...fields } = event;
    switch (event.kind) {
      case 'progress': {
        isBusyTold = false;
        const { durableBlocks, blockCount, stats } = event;
        const { sentBytes, lostFrames, discardedBytes } = stats;
        const more = { durableBlocks, blockCount, sentBytes, lostFrames, discardedBytes };
        return report.progress({ label: 'sending', doneBytes: stats.durableBytes, totalBytes }, more);
      }
      case 'busy':
        // It is said with every poll; people need it once.
        if (isBusyTold && !report.isJson) return;
        isBusyTold = true;
        return report.event(kind, fields, `the meter is busy (${event.cause})`);
      case 'meter-found': {
        isFound = true;
        const { deviceId, runningVersion, securityCounter, phase, bootEpoch } = event.meter;
        const found = {
          deviceId: formatDeviceId(deviceId),
          runningVersion: versionText(runningVersion),
          securityCounter,
          phase,
          bootEpoch,
        };
        return report.event(kind, found, `meter ${found.deviceId} runs ${found.runningVersion}`);
      }
      case 'accepted':
        return report.event(kind, fields, acceptedText(event.durableBlocks, event.blockCount));
      case 'alert':
        return report.event(kind, { alertCode: alertText(event.alertCode) }, `alert ${alertText(event.alertCode)}`);
      case 'link-up':
        return report.event(kind, fields);
      case 'link-lost':
      case 'link-failed':
        // Before a meter was found it ends the run, and is said there.
        return report.event(kind, fields, isFound ? event.detail : undefined);
      case 'session-lost':
        return report.event(kind, fields, 'the meter lost the session; asking what it holds');
      case 'sealing':
        return report.event(kind, fields, 'every block is there; the meter checks the whole image');
      case 'sealed':
        return report.event(kind, fields, 'the meter holds the image, verified');
      case 'activating':
        return report.event(kind, fields, 'activating');
    }
  };
}

/** The end of a run, for people and programs. */
export function finishOf(report: SendReport, plan: SenderPlan): Finish {
  const { result } = report;
  const fields = { ...transferFields(report.stats), ...imageFields(plan), ...meterFields(report, result.outcome) };
  if (result.kind === 'done') {
    const attested = { attested: result.attested };
    return { ok: true, outcome: result.what, fields: { ...fields, ...attested }, text: doneText(result, report, plan) };
  }
  const { exitCode, cause, wayOut, code } = failureOf(result, report);
  // A port that is not there is no meter that does not answer, and the word says so as the number does.
  const isPort = exitCode === EXIT.port || exitCode === EXIT.usage;
  return failed(exitCode, cause, {
    outcome: isPort ? outcomeNameOf(exitCode) : result.reason,
    fields: { ...fields, attested: false, ...(code === undefined ? {} : { code }) },
    ...(wayOut === undefined ? {} : { wayOut }),
  });
}

/** The exit code of a failure; the refusal, and what the meter signed, say more than the reason. */
function exitCodeOf(result: Failed, linkErrorCode?: keyof typeof LINK_EXIT): ExitCode {
  if (result.reason === 'refused' && result.refusal !== undefined) {
    const refusal = refusalOf(result.refusal.code);
    return refusal === undefined ? EXIT.refused : REFUSAL_EXIT[refusal];
  }
  if (result.outcome !== undefined && result.outcome.code === 'notAuthentic') return METER_OUTCOME_EXIT.notAuthentic;
  if (result.reason === 'no-answer' && linkErrorCode !== undefined) return LINK_EXIT[linkErrorCode];
  return FAILURE_EXIT[result.reason];
}

function failureOf(
  result: Failed,
  { linkError }: SendReport,
): { readonly exitCode: ExitCode; readonly cause: string; readonly wayOut?: string; readonly code?: string } {
  const exitCode = exitCodeOf(result, linkError?.code);
  if (result.reason === 'refused' && result.refusal !== undefined) {
    const { code, detail } = result.refusal;
    const refusal = refusalOf(code);
    if (refusal === undefined)
      return {
        exitCode,
        cause: `the meter refused with code ${code}, which this release does not know`,
        code: String(code),
      };
    const { cause, wayOut } = REFUSAL_TEXT[refusal];
    return { exitCode, cause: `the meter refused (${refusal}, detail ${detail}): ${cause}`, wayOut, code: refusal };
  }
  if (linkError !== undefined && exitCode !== EXIT.interrupted)
    return { exitCode, cause: linkError.message, code: linkError.code };
  const wayOut = WAYS_OUT[result.reason];
  return { exitCode, cause: result.detail, code: result.reason, ...(wayOut === undefined ? {} : { wayOut }) };
}

const WAYS_OUT: Readonly<Record<Failed['reason'], string | undefined>> = {
  'no-answer': 'is the meter on, at this address, and at this baud rate?',
  interrupted: 'run the same again: what the meter holds stays there, and it resumes',
  refused: undefined,
  'too-noisy': 'try a lower baud rate or a better cable; what the meter holds stays there',
  'verify-failed': 'get the package again, look at it with `smets1 package verify`, and run the same again',
  'activation-failed': 'see what the meter runs with `smets1 read-version`',
  reverted: 'the old firmware runs; the new one did not pass its own test on this meter',
  'device-changed': 'see which meter is at this address with `smets1 read-version`',
  'not-authentic':
    'is --device-key the key of this very meter, and is the package signed by a manufacturer that it trusts?',
};

function transferFields(stats: SenderStats): JsonFields {
  return {
    octetsWritten: stats.durableBytes - stats.resumedFromBytes,
    octetsSent: stats.sentBytes,
    octetsResent: resentBytes(stats),
    dataFrames: stats.dataFrames,
    lostFrames: stats.lostFrames,
    sessions: stats.sessions,
    resumedFrom: stats.resumedFromBytes,
    resumedFromBlocks: stats.resumedFromBlocks,
  };
}

function imageFields({ image }: SenderPlan): JsonFields {
  if (image === undefined) return {};
  return { hash: hex(image.manifest.imageHash), version: versionText(image.manifest.fileVersion) };
}

/** What the meter said last: signed, or else when it greeted. */
function meterFields({ meter }: SendReport, outcome: Outcome | undefined): JsonFields {
  const known = outcome ?? meter;
  if (known === undefined) return {};
  return {
    deviceId: formatDeviceId(known.deviceId),
    runningVersion: versionText(known.runningVersion),
    securityCounter: known.securityCounter,
    bootEpoch: known.bootEpoch,
    ...(outcome === undefined ? {} : { runningHash: hex(outcome.runningHash) }),
  };
}

function doneText(result: Extract<SenderResult, { kind: 'done' }>, { stats }: SendReport, plan: SenderPlan): string {
  const { outcome, attested } = result;
  const resumed =
    stats.resumedFromBlocks === 0 ? undefined : `${counted(stats.resumedFromBytes)} octets were there already`;
  return rows([
    ['done', DONE_TEXT[result.what]],
    ['meter', formatDeviceId(outcome.deviceId)],
    ['runs', `${versionText(outcome.runningVersion)}, hash ${hex(outcome.runningHash)}`],
    ['counter', String(outcome.securityCounter)],
    [
      'sent',
      plan.image === undefined
        ? undefined
        : `${counted(stats.sentBytes)} octets, ${counted(resentBytes(stats))} of them again`,
    ],
    ['resumed', resumed],
    ['attested', attested ? "yes, by the device's signature" : 'no: name the key of the meter with --device-key'],
  ]);
}

const DONE_TEXT = {
  sealed: 'the meter holds the image, verified, and waits to be told to activate it',
  activated: 'activated, booted and confirmed',
  'already-running': 'already running; nothing was sent',
  'version-read': 'version read',
} as const;

function acceptedText(durableBlocks: number, blockCount: number): string {
  if (durableBlocks === 0) return `accepted, ${counted(blockCount)} blocks to send`;
  return `accepted; the meter holds ${counted(durableBlocks)} of ${counted(blockCount)} blocks, resuming`;
}

function alertText(alertCode: number): string {
  return `0x${alertCode.toString(16).toUpperCase().padStart(4, '0')}`;
}
