/** What is mutated, and the tests that its mutants have to get past: those beside it and no others, so that a mutant takes seconds. */
export interface Room {
  readonly name: string;
  readonly mutate: readonly string[];
  readonly tests: readonly string[];
  /** The share of each file's mutants that must be killed, 0 to 1. Without it every survivor must be listed. */
  readonly least?: number;
}

const boot = (name: string): string => `emulator/src/boot/${name}`;
const pack = (name: string): string => `protocol/src/package/${name}`;
const hops = (name: string): string => `packages/products/src/hops/${name}`;
const machine = (name: string): string => `packages/campaign/src/machine/${name}`;
const stopRule = (name: string): string => `packages/campaign/src/stop-rule/${name}`;
const ledger = (name: string): string => `packages/dco/src/ledger/${name}`;

export const ROOMS: readonly Room[] = [
  {
    name: 'package',
    mutate: ['verify.ts', 'container.ts', 'manifest.ts'].map(pack),
    tests: [pack('*.test.ts')],
  },
  {
    name: 'boot',
    mutate: ['boot.ts', 'run-gate.ts', 'boot-records.ts', 'boot-state.ts', 'slot.ts'].map(boot),
    tests: ['boot.test.ts', 'run-gate.test.ts', 'boot-records.test.ts', 'boot-state.test.ts', 'slot.test.ts'].map(boot),
  },
  {
    name: 'store',
    mutate: [boot('state-store.ts')],
    tests: [boot('state-store-records.test.ts')],
  },
  {
    name: 'log',
    mutate: ['emulator/src/flash/record-log.ts'],
    tests: ['emulator/src/flash/record-log-slots.test.ts'],
  },
  {
    name: 'hops',
    least: 0.9,
    mutate: ['plan-hops.ts', 'hop-rules.ts', 'check-proof.ts'].map(hops),
    tests: ['plan-hops.test.ts', 'check-proof.test.ts'].map(hops),
  },
  {
    name: 'planner',
    least: 0.9,
    mutate: ['allocate.ts', 'request-rules.ts', 'share-day.ts'].map(machine),
    tests: ['allocate.test.ts', 'grant-of.test.ts', 'request-rules.test.ts', 'share-day.test.ts'].map(machine),
  },
  {
    name: 'stop-rule',
    least: 0.9,
    mutate: ['stop-rule.ts', 'stop-rule-table.ts'].map(stopRule),
    tests: ['stop-rule.test.ts', 'stop-rule-table.test.ts'].map(stopRule),
  },
  {
    name: 'ledger',
    least: 0.9,
    mutate: ['agreements.ts', 'capacity-queue.ts', 'day.ts', 'ledger.ts', 'ledger-change.ts', 'may-start.ts'].map(
      ledger,
    ),
    tests: [ledger('*.test.ts')],
  },
];
