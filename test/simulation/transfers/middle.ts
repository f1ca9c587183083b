/** Whoever stands between host and meter and speaks for both: frames come in from either side, and what goes on is his choice. */
import type { Random } from '@smets1/host';
import {
  encodeHostMessage,
  encodeMeterMessage,
  type Envelope,
  type HostMessage,
  type MeterMessage,
} from '@smets1/protocol';
import type { Bench, Made, Shape } from './images.js';

export interface Scene {
  readonly random: Random;
  readonly bench: Bench;
  readonly shape: Shape;
  /** Given out for the meter and the wanted image: a stager has seen it. */
  readonly authorisation: Uint8Array;
  readonly toMeter: (frame: Uint8Array) => void;
  readonly toHost: (frame: Uint8Array) => void;
}

export interface Middle {
  readonly name: string;
  fromHost(frame: Uint8Array): void;
  fromMeter(frame: Uint8Array): void;
  /** How often it did what it is there for. */
  struck: number;
}

export function tellMeter(scene: Scene, envelope: Envelope<HostMessage>): void {
  scene.toMeter(encodeHostMessage(envelope));
}

export function tellHost(scene: Scene, envelope: Envelope<MeterMessage>): void {
  scene.toHost(encodeMeterMessage(envelope));
}

export function offerMessage(made: Made, replace: boolean, offerNonce: number): HostMessage {
  const { manifest, otaHeader, gbcsSignature } = made.image;
  return { kind: 'offer', replace, offerNonce, manifest: manifest.octets, otaHeader, gbcsSignature };
}
