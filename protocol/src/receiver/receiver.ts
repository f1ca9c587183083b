/**
 * The meter's side of the conversation, above staging: what every message does in every state (SPEC.md §10.3).
 * It names effects; the host performs them and reports each with an input. Nothing here reads a clock or touches flash.
 */
import { SESSION_SILENCE_MS_MAX } from '../limits.js';
import type { Envelope, Received } from '../message/envelope.js';
import { HOST_TYPES, type HostHello, type HostMessage } from '../message/host-messages.js';
import type { HeldImage } from '../staging/staging.js';
import {
  onActivate,
  onActivationFailed,
  onAuthorisationChecked,
  onCounterStored,
  onImageSealed,
  onOutcomeSigned,
  onReadVersion,
  onSeal,
  onSealFailed,
} from './activation.js';
import {
  isReceiving,
  onBlockChecked,
  onBlocksRecorded,
  onBlockStored,
  onData,
  onGetMap,
  onPing,
  onSpoiltData,
} from './data.js';
import { onOffer, onOfferChecked, onPrepared, windowBlocksOf } from './offer.js';
import type {
  ActivationMemory,
  DeviceFacts,
  ReceiverEffect,
  ReceiverInput,
  ReceiverState,
  ReceiverStep,
} from './receiver-types.js';
import { busy, busyCause, phaseOf, refuseSparingly, send, stateReport, to } from './replies.js';

/** A receiver just after a start: what flash held, and nothing else. */
export function startReceiver(
  device: DeviceFacts,
  held: HeldImage | undefined,
  activation: ActivationMemory,
): ReceiverState {
  return {
    device,
    held,
    activation,
    activity: { kind: 'idle' },
    session: undefined,
    tally: undefined,
    failedSeal: undefined,
    deciding: false,
    lastTag: 0,
    refusedAtMs: undefined,
    preparedAtMs: [],
  };
}

/** Next state and what the host must do. Total: no octets of a peer make it throw. */
export function stepReceiver(state: ReceiverState, input: ReceiverInput, nowMs: number): ReceiverStep {
  switch (input.kind) {
    case 'heard':
      return onHeard(state, input.received, nowMs);
    case 'tick':
      return onTick(state, nowMs);
    case 'offer-checked':
      return onOfferChecked(state, input, nowMs);
    case 'prepared':
      return onPrepared(state, input.held, nowMs);
    case 'block-checked':
      return onBlockChecked(state, input);
    case 'block-stored':
      return onBlockStored(state, input, nowMs);
    case 'blocks-recorded':
      return onBlocksRecorded(state, input, nowMs);
    case 'seal-failed':
      return onSealFailed(state);
    case 'activation-failed':
      return onActivationFailed(state, input.reply);
    case 'image-sealed':
      return onImageSealed(state, input);
    case 'authorisation-checked':
      return onAuthorisationChecked(state, input);
    case 'counter-stored':
      return onCounterStored(state, input);
    case 'outcome-signed':
      return onOutcomeSigned(state, input);
    case 'confirmed':
      return to({
        ...state,
        device: input.device,
        activation: { ...state.activation, result: 'success' },
        held: undefined,
        session: undefined,
      });
  }
}

/** When the host owes a `tick`; undefined while no deadline runs. */
export function wakeReceiverAtMs(state: ReceiverState): number | undefined {
  return state.session === undefined ? undefined : state.session.heardAtMs + SESSION_SILENCE_MS_MAX;
}

function onTick(state: ReceiverState, nowMs: number): ReceiverStep {
  const deadline = wakeReceiverAtMs(state);
  return deadline === undefined || nowMs < deadline ? to(state) : to({ ...state, session: undefined });
}

function onHeard(state: ReceiverState, received: Received<HostMessage>, nowMs: number): ReceiverStep {
  switch (received.kind) {
    case 'message':
      return onMessage(state, received.envelope, nowMs);
    case 'spoilt-data':
      if (!isReceiving(state) || received.sessionTag !== state.session.tag) return to(state);
      return onSpoiltData(state, received.sequence, received.block, received.offsetBytes, received.lengthBytes);
    case 'unknown':
      // A line that echoes brings the meter's own frames back: no answer, or they would breed.
      if (received.type >= METER_TYPES_FROM) return to(state);
      return refuseSparingly(state, nowMs, { ...received, requestType: received.type }, 'unknownMessage');
    case 'malformed': {
      const refusal = received.type === HOST_TYPES.activate ? 'authorisationMalformed' : 'malformed';
      return refuseSparingly(state, nowMs, { ...received, requestType: received.type }, refusal);
    }
    case 'dropped':
      if (received.fault !== 'hello-version') return to(state);
      return refuseSparingly(
        state,
        nowMs,
        { sessionTag: 0, sequence: 0, requestType: HOST_TYPES.hello },
        'unsupportedVersion',
      );
  }
}

function onMessage(state: ReceiverState, envelope: Envelope<HostMessage>, nowMs: number): ReceiverStep {
  const { message, sequence, sessionTag } = envelope;
  const inSession = isReceiving(state) && sessionTag === state.session.tag;
  switch (message.kind) {
    case 'hello':
      return to(state, hello(state, message, sequence));
    case 'offer':
      return onOffer(state, message, sequence);
    case 'data':
      if (inSession) return onData(state, message, sequence, nowMs);
      // While something else is under way the frame is simply lost; the host's probe will find out.
      if (busyCause(state) !== undefined) return to(state);
      return refuseSparingly(state, nowMs, { ...envelope, requestType: HOST_TYPES.data }, 'noSession');
    case 'get-map':
      if (inSession) return onGetMap(state, message.firstBlock, sequence, nowMs);
      return refuseSparingly(state, nowMs, { ...envelope, requestType: HOST_TYPES['get-map'] }, 'noSession');
    case 'ping': {
      if (inSession) return onPing(state, sequence, nowMs);
      const cause = busyCause(state);
      return to(state, cause === undefined ? stateReport(state, sequence) : busy(state, sequence, cause));
    }
    case 'seal':
      return onSeal(state, message, sequence);
    case 'activate':
      return onActivate(state, message, sequence);
    case 'read-version':
      return onReadVersion(state, message.nonce, sequence);
    case 'get-state':
      return to(state, stateReport(state, sequence));
    case 'abort': {
      const ended: ReceiverState = inSession ? { ...state, session: undefined } : state;
      return to(ended, stateReport(ended, sequence));
    }
  }
}

/** Types from here on go from meter to host. */
const METER_TYPES_FROM = 0x40;
const MINOR = 0;
/** HELLO names the window for blocks of this size; what counts is the credit. */
const USUAL_BLOCK_SHIFT = 12;

function hello(state: ReceiverState, message: HostHello, sequence: number): ReceiverEffect {
  const { device } = state;
  return send(state, sequence, {
    kind: 'meter-hello',
    minor: MINOR,
    frameBytesMax: device.frameBytesMax,
    nonce: message.nonce,
    deviceId: device.deviceId,
    bootEpoch: device.bootEpoch,
    deviceClass: device.deviceClass,
    manufacturerCode: device.manufacturerCode,
    imageType: device.imageType,
    hardwareVersion: device.hardwareVersion,
    runningVersion: device.runningVersion,
    securityCounter: device.securityCounter,
    phase: phaseOf(state),
    blockShiftMax: device.blockShiftMax,
    slotBytes: device.slotBytes,
    blockCountMax: device.blockCountMax,
    windowBlocks: windowBlocksOf(device, USUAL_BLOCK_SHIFT),
    originatorCounter: state.activation.originatorCounter,
  });
}
