/** Where `smets1` begins. */
import { runCli } from './run-cli.js';
import { processShell } from './shell.js';

process.exitCode = await runCli(process.argv.slice(2), processShell());
// Whatever a command left running (a child that did not start, a socket that lingers) must not keep its caller waiting. A report that could
// not be written changes the exit code, so that comes first.
process.stdout.write('', () => process.stderr.write('', () => setImmediate(() => process.exit())));
