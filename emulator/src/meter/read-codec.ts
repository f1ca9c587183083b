import { BLOCKS, BLOCK_TOU_REGISTERS, TOU_REGISTERS } from '../limits.js';
import { rowsOf } from './meter-state.js';
import type { MeterRead } from './meter-types.js';
import type { OctetReader, OctetWriter } from './octet-stream.js';

/** The registers of a daily read or a bill; docs/METER.md §4 lists the fields in this order. */
export function writeRead(to: OctetWriter, read: MeterRead): void {
  to.signed(read.atS);
  to.counts([read.activeImportRegisterWh, read.activeExportRegisterWh]);
  to.counts(read.tariffTouRegisterMatrixWh);
  to.counts(read.tariffBlockTouRegisterMatrixWh.flat());
  to.counts(read.tariffBlockCounterMatrixWh);
  to.signed(read.meterBalanceMillipence);
  to.count(read.emergencyCreditBalanceMillipence);
}

export function readRead(from: OctetReader): MeterRead {
  return {
    atS: from.signed(),
    activeImportRegisterWh: from.count(),
    activeExportRegisterWh: from.count(),
    tariffTouRegisterMatrixWh: from.counts(TOU_REGISTERS),
    tariffBlockTouRegisterMatrixWh: rowsOf(from.counts(BLOCKS * BLOCK_TOU_REGISTERS)),
    tariffBlockCounterMatrixWh: from.counts(BLOCKS),
    meterBalanceMillipence: from.signed(),
    emergencyCreditBalanceMillipence: from.count(),
  };
}
