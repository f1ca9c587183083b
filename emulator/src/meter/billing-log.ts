import type { MeterState } from './meter-state.js';
import { BILL_CAUSES, type BillCause, type MeterLogs, type MeterRead } from './meter-types.js';
import { OctetReader, OctetWriter } from './octet-stream.js';
import type { ProfileStore } from './profile-store.js';
import { readRead, writeRead } from './read-codec.js';

export function writeBill(store: ProfileStore, number: number, read: MeterRead, cause: BillCause): void {
  const to = new OctetWriter();
  to.octet(BILL_CAUSES[cause]);
  writeRead(to, read);
  store.write('billing', number, to.octets);
}

/** The last 12, oldest first. */
export function readBills(store: ProfileStore, state: MeterState): MeterLogs['bills'] {
  return store.read('billing', state.counts.bills).map(({ payload }) => {
    const from = new OctetReader(payload);
    const cause = from.octet();
    const name = (Object.keys(BILL_CAUSES) as BillCause[]).find((key) => BILL_CAUSES[key] === cause) ?? 'calendar';
    return { cause: name, ...readRead(from) };
  });
}
