import { TRIAL_STARTS_MAX } from '@smets1/protocol';
import { FlashError } from '../errors.js';
import type { FlashPort } from '../flash/flash-port.js';
import type { DeviceIdentity } from '../meter/identity.js';
import { readIdentity, repairIdentity } from '../meter/identity.js';
import type { SecurityEntry } from '../meter/security-log.js';
import { SECURITY_CODES, SecurityLog } from '../meter/security-log.js';
import type { BootPorts, ImageHeader } from './boot-crypto.js';
import { otherSlot, outcomeOf, without } from './boot-records.js';
import type { BootState, BootStep, SlotIndex } from './boot-state.js';
import { EMPTY_BOOT_STATE, floorOf } from './boot-state.js';
import type { Run } from './run-gate.js';
import { lookAgain, RUN_GRANTED } from './run-gate.js';
import type { SlotCheck } from './slot.js';
import { readHeaderOf, verifySlot } from './slot.js';
import { StateStore } from './state-store.js';

interface BootFindings {
  readonly epoch: number;
  readonly state: BootState;
  /** What this boot put into the security log; the firmware sends the alerts that go with it. */
  readonly events: readonly SecurityEntry[];
  /**
   * The sectors of the boot records are worn out: nothing could be recorded, the epoch included. A verified image still
   * runs, but no start on trial, which could not be counted; no image can be installed. The device needs repair.
   */
  readonly degraded: boolean;
}

/**
 * What boot decided. `fallback` runs the image before the confirmed one and can be left only by a new activation;
 * in `recovery` no image may run, and whatever hosts the receiver then accepts one (docs/decisions/0005).
 */
export type BootResult =
  | (BootFindings & {
      readonly phase: 'confirmed' | 'trial' | 'fallback';
      readonly slot: SlotIndex;
      readonly header: ImageHeader;
      /** Where a new image may be written; none during a trial, whose other slot is the way back, and none when degraded. */
      readonly spareSlot: SlotIndex | undefined;
    })
  | (BootFindings & {
      readonly phase: 'recovery';
      readonly spareSlot: SlotIndex;
    });

/**
 * Power on: the same after the first one and after any cut. Verifies what is to run, whatever the path, over every octet
 * of it, and writes one boot record before it runs; that record also makes up for a copy that a cut has left behind.
 * @throws PowerLost; FlashError `bad-layout`
 */
export function boot(flash: FlashPort, ports: BootPorts): BootResult {
  const { crc32 } = ports.crypto;
  repairIdentity(flash, crc32);
  const device: Device = { flash, ports, identity: readIdentity(flash, crc32) };
  const store = new StateStore(flash, crc32, true);
  const before = store.newest ?? stateAfterLoss(device);
  const epoch = before.bootEpoch + 1;
  const decision = gated(device, before, decide(device, before));
  const events = log(device, eventsOf(decision, before, epoch, ports.timestampS));
  const version = decision.run?.header.fileVersion;
  const state: BootState = {
    ...decision.state,
    bootEpoch: epoch,
    ...(version !== undefined && { lastRunVersion: version }),
  };
  if (store.writeOnce(decision.step, state)) return resultOf(decision, { epoch, state, events, degraded: false });
  return resultOf(readOnly(device, before, decision), { epoch, state: before, events, degraded: true });
}

interface Device {
  readonly flash: FlashPort;
  readonly ports: BootPorts;
  readonly identity: DeviceIdentity | undefined;
}

interface Decision {
  readonly step: BootStep;
  readonly state: BootState;
  readonly run: Run | undefined;
  readonly verificationFailed: boolean;
}

function decide(device: Device, state: BootState): Decision {
  const { pending, trial, confirmed } = state;
  if (pending === undefined) return { ...runConfirmed(device, state), step: 'boot', state };

  const bootCount = (trial?.bootCount ?? 0) + 1;
  const { manifestDigest, imageHash, slot } = pending;
  const tried = verify(device, slot, { manifestDigest, imageHash, floor: floorOf(state) });
  if (tried.ok && bootCount <= TRIAL_STARTS_MAX) return tryPending(state, slot, tried, bootCount, false);

  const back = runConfirmed(device, state);
  // With nothing to go back to, an image that is authorised and verifies is better than none: the trial goes on.
  if (back.run === undefined && tried.ok) {
    return tryPending(state, slot, tried, TRIAL_STARTS_MAX, back.verificationFailed);
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
  { header, image }: Verified,
  bootCount: number,
  verificationFailed: boolean,
): Decision {
  const { fileVersion: version, imageBytes, securityCounter } = header;
  return {
    run: { phase: 'trial', slot, header, image },
    verificationFailed,
    step: 'boot',
    state: { ...state, trial: { bootCount, version, imageBytes, securityCounter } },
  };
}

function runConfirmed(device: Device, state: BootState): Pick<Decision, 'run' | 'verificationFailed'> {
  const { confirmed, recoveredFloor } = state;
  if (confirmed === undefined) return { run: undefined, verificationFailed: recoveredFloor !== undefined };
  const { slot, manifestDigest, imageHash, previous } = confirmed;
  const checked = verify(device, slot, { manifestDigest, imageHash, floor: floorOf(state) });
  if (checked.ok) {
    const { header, image } = checked;
    return { run: { phase: 'confirmed', slot, header, image }, verificationFailed: false };
  }
  // Exactly the image that the confirm record names, below the floor as it is; no other.
  if (previous === undefined) return { run: undefined, verificationFailed: true };
  const fallback = verify(device, previous.slot, { imageHash: previous.imageHash });
  if (!fallback.ok) return { run: undefined, verificationFailed: true };
  const { header, image } = fallback;
  return { run: { phase: 'fallback', slot: previous.slot, header, image }, verificationFailed: true };
}

type Verified = Extract<SlotCheck, { ok: true }>;

function verify(
  { flash, ports, identity }: Device,
  slot: SlotIndex,
  expected: Omit<Parameters<typeof verifySlot>[3], 'identity'>,
): SlotCheck {
  return verifySlot(flash, ports, slot, { ...expected, identity });
}

/** What does not pass the second look does not run at this boot, and changes nothing. */
function gated({ flash, ports, identity }: Device, before: BootState, decision: Decision): Decision {
  const { run, state } = decision;
  if (run === undefined || lookAgain(flash, ports, state, run, identity) === RUN_GRANTED) return decision;
  return { step: 'boot', state: before, run: undefined, verificationFailed: true };
}

/** What may run when nothing can be recorded: no trial, because its starts would not be counted, unless there is nothing else. */
function readOnly(device: Device, before: BootState, decision: Decision): Decision {
  if (decision.run?.phase !== 'trial') return decision;
  const back = gated(device, before, { ...decision, ...runConfirmed(device, before), state: before });
  return back.run === undefined ? decision : back;
}

function resultOf({ run, state }: Decision, findings: BootFindings): BootResult {
  if (run === undefined) {
    const { confirmed } = state;
    return { ...findings, phase: 'recovery', spareSlot: confirmed === undefined ? 0 : otherSlot(confirmed.slot) };
  }
  const { phase, slot, header } = run;
  const spareSlot = phase === 'trial' || findings.degraded ? undefined : otherSlot(slot);
  return { ...findings, phase, slot, header, spareSlot };
}

function eventsOf(decision: Decision, before: BootState, bootEpoch: number, timestampS: number): SecurityEntry[] {
  const codes: number[] = decision.verificationFailed ? [SECURITY_CODES.verificationFailedAtPowerOn] : [];
  const version = decision.run?.header.fileVersion;
  if (version !== undefined && before.lastRunVersion !== undefined && version !== before.lastRunVersion) {
    codes.push(SECURITY_CODES.executingVersionChanged);
  }
  return codes.map((code) => ({ timestampS, code, bootEpoch }));
}

// Logged before the record that makes it history; the epoch tells a boot that was cut in between what it has logged.
function log({ flash, ports }: Device, events: readonly SecurityEntry[]): readonly SecurityEntry[] {
  if (events.length === 0) return events;
  try {
    const securityLog = new SecurityLog(flash, ports.crypto.crc32);
    for (const event of events) securityLog.appendOnce(event);
  } catch (error) {
    // A worn log must not keep a good image from running; the alerts go out all the same.
    if (!(error instanceof FlashError) || error.code !== 'worn') throw error;
  }
  return events;
}

/**
 * What stands for the state when no record can be read: on a new meter it is empty. On one that has lost them nothing
 * that lies in the slots may run, because nobody knows any more what was confirmed; and the floor is the highest
 * security counter that a slot still names.
 */
function stateAfterLoss({ flash, ports }: Device): BootState {
  const counters = ([0, 1] as const).map((slot) => readHeaderOf(flash, ports, slot)?.securityCounter ?? 0);
  const recoveredFloor = Math.max(0, ...counters.filter((counter) => Number.isSafeInteger(counter)));
  const epochs = new SecurityLog(flash, ports.crypto.crc32).entries.map(({ bootEpoch }) => bootEpoch);
  return {
    ...EMPTY_BOOT_STATE,
    bootEpoch: Math.max(0, ...epochs),
    ...(recoveredFloor > 0 && { recoveredFloor }),
  };
}
