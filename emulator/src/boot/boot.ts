import type { FlashPort } from '../flash/flash-port.js';
import { TRIAL_STARTS_MAX } from '@smets1/protocol';
import { readIdentity } from '../meter/identity.js';
import type { SecurityEntry } from '../meter/security-log.js';
import { SECURITY_CODES, SecurityLog } from '../meter/security-log.js';
import type { BootPorts, ImageHeader } from './boot-crypto.js';
import { appendState, openBootLog, otherSlot, outcomeOf, stateOf, without } from './boot-records.js';
import type { BootState, BootStep, ConfirmedImage, SlotIndex } from './boot-state.js';
import type { SlotCheck } from './slot.js';
import { verifySlot } from './slot.js';

/**
 * What boot decided. `fallback` runs the image before the confirmed one and can be left only by a new activation;
 * in `recovery` no image may run.
 */
export type BootResult =
  | {
      readonly phase: 'confirmed' | 'trial' | 'fallback';
      readonly slot: SlotIndex;
      readonly header: ImageHeader;
      /** Where a new image may be written; none during a trial, whose other slot is the way back. */
      readonly spareSlot: SlotIndex | undefined;
      readonly epoch: number;
      readonly state: BootState;
      /** What this boot put into the security log; the firmware sends the alerts that go with it. */
      readonly events: readonly SecurityEntry[];
    }
  | {
      readonly phase: 'recovery';
      readonly spareSlot: SlotIndex;
      readonly epoch: number;
      readonly state: BootState;
      readonly events: readonly SecurityEntry[];
    };

/**
 * Power on. Verifies what is to run, whatever the path, and writes one boot record before it runs.
 * @throws PowerLost; FlashError `worn`
 */
export function boot(flash: FlashPort, ports: BootPorts): BootResult {
  const log = openBootLog(flash, ports.crypto);
  const before = stateOf(log);
  const epoch = before.bootEpoch + 1;
  const decision = decide(flash, ports, before);
  const codes: number[] = decision.verificationFailed ? [SECURITY_CODES.verificationFailedAtPowerOn] : [];
  const version = decision.run?.header.fileVersion;
  if (version !== undefined && before.lastRunVersion !== undefined && version !== before.lastRunVersion) {
    codes.push(SECURITY_CODES.executingVersionChanged);
  }
  // Logged before the record that makes it history; the epoch tells a boot that was cut in between what it has logged.
  const events = codes.map((code) => ({ timestampS: ports.timestampS, code, bootEpoch: epoch }));
  if (events.length > 0) {
    const securityLog = new SecurityLog(flash, ports.crypto.crc32);
    for (const event of events) securityLog.appendOnce(event);
  }
  const state: BootState = {
    ...decision.state,
    bootEpoch: epoch,
    ...(version !== undefined && { lastRunVersion: version }),
  };
  appendState(log, decision.step, state);
  const common = { epoch, state, events };
  if (decision.run === undefined) {
    return { ...common, phase: 'recovery', spareSlot: otherSlot(before.confirmed?.slot ?? 1) };
  }
  const { phase, slot, header } = decision.run;
  return { ...common, phase, slot, header, spareSlot: phase === 'trial' ? undefined : otherSlot(slot) };
}

interface Decision {
  readonly step: BootStep;
  readonly state: BootState;
  readonly run: Run | undefined;
  readonly verificationFailed: boolean;
}

interface Run {
  readonly phase: 'confirmed' | 'trial' | 'fallback';
  readonly slot: SlotIndex;
  readonly header: ImageHeader;
}

function decide(flash: FlashPort, ports: BootPorts, state: BootState): Decision {
  const { pending, trial, confirmed } = state;
  if (pending === undefined) return { ...runConfirmed(flash, ports, confirmed), step: 'boot', state };

  const bootCount = (trial?.bootCount ?? 0) + 1;
  const identity = readIdentity(flash, ports.crypto.crc32);
  const { manifestDigest, imageHash } = pending;
  const floor = confirmed?.securityCounter ?? 0;
  const tried = verifySlot(flash, ports, pending.slot, { manifestDigest, imageHash, floor, identity });
  if (tried.ok && bootCount <= TRIAL_STARTS_MAX) return tryPending(state, pending.slot, tried.header, bootCount, false);

  const back = runConfirmed(flash, ports, confirmed);
  // With nothing to go back to, an image that is authorised and verifies is better than none: the trial goes on.
  if (back.run === undefined && tried.ok) {
    return tryPending(state, pending.slot, tried.header, TRIAL_STARTS_MAX, back.verificationFailed);
  }
  const versionAfter = back.run?.header.fileVersion ?? confirmed?.version ?? 0;
  return {
    run: back.run,
    verificationFailed: back.verificationFailed || !tried.ok,
    step: 'reverted',
    state: {
      ...without(state, 'staged', 'pending', 'trial'),
      outcome: outcomeOf(pending, 'activationFailure', versionAfter),
    },
  };
}

function tryPending(
  state: BootState,
  slot: SlotIndex,
  header: ImageHeader,
  bootCount: number,
  verificationFailed: boolean,
): Decision {
  const { fileVersion: version, imageBytes, securityCounter } = header;
  return {
    run: { phase: 'trial', slot, header },
    verificationFailed,
    step: 'boot',
    state: { ...state, trial: { bootCount, version, imageBytes, securityCounter } },
  };
}

function runConfirmed(
  flash: FlashPort,
  ports: BootPorts,
  confirmed: ConfirmedImage | undefined,
): Pick<Decision, 'run' | 'verificationFailed'> {
  if (confirmed === undefined) return { run: undefined, verificationFailed: false };
  const { slot, manifestDigest, imageHash, securityCounter, previous } = confirmed;
  const identity = readIdentity(flash, ports.crypto.crc32);
  const floor = securityCounter;
  const checked = verifySlot(flash, ports, slot, { manifestDigest, imageHash, floor, identity });
  if (checked.ok) return { run: { phase: 'confirmed', slot, header: checked.header }, verificationFailed: false };
  // Exactly the image that the confirm record names, below the floor as it is; no other.
  const fallback: SlotCheck | undefined =
    previous && verifySlot(flash, ports, previous.slot, { imageHash: previous.imageHash, identity });
  if (!fallback?.ok || previous === undefined) return { run: undefined, verificationFailed: true };
  return { run: { phase: 'fallback', slot: previous.slot, header: fallback.header }, verificationFailed: true };
}
