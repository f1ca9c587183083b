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
];
