import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{protocol,hardware,emulator,packages/*}/src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
  },
});
