import { emergencyLeftMillipence } from './balance.js';
import { countedWh, rowsOf, type MeterState } from './meter-state.js';
import type { MeterView } from './meter-types.js';
import { sum } from './registers.js';
import { activeBlock, activeRegister } from './tariff.js';

/** What can be seen of a state: the data model's names and units. */
export function viewOf(state: MeterState, metrologyVersion: number, storage: MeterView['storage']): MeterView {
  const { registers, balances, settings, loadSwitch, minute } = state;
  const { tariff } = settings;
  const register = activeRegister(tariff, state.timeS);
  const { block } = activeBlock(tariff, register, sum(registers.blockCountersWh));
  return {
    clockUtcS: state.timeS,
    activeImportRegisterWh: registers.import.wh,
    activeExportRegisterWh: registers.export.wh,
    reactiveImportRegisterVarh: registers.reactiveImport.wh,
    reactiveExportRegisterVarh: registers.reactiveExport.wh,
    importRemainderWattSeconds: registers.import.remainderWs,
    activePowerImportW: minute.seconds > 0 ? Math.floor(minute.importWs / minute.seconds) : minute.lastPowerW,
    tariffMode: tariff.mode,
    activeTariffRegister: register,
    activeTariffBlock: tariff.mode === 'block' ? block : 0,
    tariffTouRegisterMatrixWh: registers.touWh,
    tariffBlockTouRegisterMatrixWh: rowsOf(registers.blockWh),
    tariffBlockCounterMatrixWh: registers.blockCountersWh,
    paymentMode: settings.paymentMode,
    meterBalanceMillipence: balances.balanceMillipence,
    emergencyCreditActivated: balances.emergencyActivated,
    emergencyCreditBalanceMillipence: emergencyLeftMillipence(balances, settings.prepayment),
    timeDebtMillipence: balances.timeDebtMillipence,
    paymentDebtMillipence: balances.paymentDebtMillipence,
    chargeRemainderMicropence: balances.remainderMicropence,
    supplyState: loadSwitch.supply,
    supplyCause: loadSwitch.cause,
    loadLimitCounter: loadSwitch.limitCounter,
    supplyTamperState: state.tampered,
    metrologyVersion,
    settings,
    unpersistedWh: countedWh(state) - state.persistedWh,
    storage,
  };
}
