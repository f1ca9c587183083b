/** The tests of the room that MUTATION_ROOM names. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { ROOMS } from './rooms.js';

const room = ROOMS.find(({ name }) => name === process.env['MUTATION_ROOM']);
if (room === undefined) throw new Error('MUTATION_ROOM names no room');

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: [...room.tests],
    exclude: ['**/node_modules/**', '**/dist/**', '**/dist-test/**'],
    allowOnly: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
