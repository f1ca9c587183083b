import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{protocol,hardware,emulator,packages/*}/src/**/*.test.ts', 'test/**/*.test.ts', 'examples/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '**/dist-test/**'],
    // Not vitest's default of letting `.only` pass outside CI: a suite that runs half of itself must never look green.
    allowOnly: false,
    // By default a core is left free: of two, that is half of what there is.
    maxWorkers: 2,
    // Exhaustive and real-time tests share two cores with everything else in CI.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // The default of one second is a claim about speed.
    expect: { poll: { timeout: 20_000 } },
  },
});
