/** Goal: a family's temporary failures come as often as its data says, befall what they are meant for, and nothing else. */
import { describe, expect, it } from 'vitest';
import type { HostMessage, Received } from '@smets1/protocol';
import type { DeviceQuirks } from '../profiles/device-profile.js';
import { Gate, type GateAnswer } from './gate.js';

const OFFER = 'offer';
const heard = (kind: string): Received<HostMessage> => ({
  kind: 'message',
  envelope: { sessionTag: 0, sequence: 1, message: { kind } as unknown as HostMessage },
});

function met(quirks: DeviceQuirks, kinds: readonly string[]): readonly string[] {
  const gate = new Gate(quirks);
  const word = (answer: GateAnswer): string => (typeof answer === 'string' ? answer : answer.kind);
  return kinds.map((kind) => word(gate.meets(heard(kind))));
}

describe('the gate before the receiver', () => {
  it('lets everything pass on a plain meter', () => {
    expect(met({}, [OFFER, 'data', OFFER, 'ping', 'seal', 'activate'])).toEqual(Array(6).fill('passes'));
    expect(new Gate({ busyEveryOffers: 2 }).meets({ kind: 'dropped', fault: 'frame' } as never)).toBe('passes');
  });

  it('is busy at every n-th offer, whatever comes between', () => {
    const kinds = [OFFER, 'ping', OFFER, OFFER, 'data', OFFER, OFFER, OFFER];
    expect(met({ busyEveryOffers: 3 }, kinds)).toEqual([
      'passes',
      'passes',
      'passes',
      'busy',
      'passes',
      'passes',
      'passes',
      'busy',
    ]);
  });

  it('loses every n-th data frame', () => {
    const kinds = ['data', 'data', OFFER, 'data', 'data'];
    expect(met({ dropEveryDataFrames: 2 }, kinds)).toEqual(['passes', 'lost', 'passes', 'passes', 'lost']);
  });

  it('never shuts for good, even when told to', () => {
    expect(met({ busyEveryOffers: 1, dropEveryDataFrames: 0 }, [OFFER, OFFER, 'data', 'data'])).toEqual([
      'passes',
      'busy',
      'passes',
      'lost',
    ]);
  });
});
