/** What is written down when an 11.2 or 11.3 ends. */
import type { Change, DeviceResult, EntryCode, EntryRecord, RequestRecord } from '../store/records.js';
import type { StoreState } from '../store/state.js';

export interface Result {
  readonly code: EntryCode;
  readonly message: string;
  readonly device: DeviceResult;
}

/**
 * A response, or an alert when the response was given already: then `8F66` for success and `8F67` for what was not actioned, and neither
 * for what nobody can vouch for.
 */
export function entryOf(state: StoreState, request: RequestRecord, result: Result, atMs: number): Change {
  const isAlert = state.entriesOf.has(request.requestId);
  const value: EntryRecord = {
    number: state.nextEntry,
    kind: isAlert ? 'alert' : 'response',
    requestId: request.requestId,
    srv: request.srv === '11.2' ? '11.2' : '11.3',
    atMs,
    ...result,
    ...(isAlert && result.code !== 'success-unattested'
      ? { alertCode: result.code === 'success' ? '8F66' : '8F67' }
      : {}),
  };
  return { kind: 'entry', value };
}
