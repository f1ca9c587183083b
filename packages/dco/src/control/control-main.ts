/**
 * The process that countersigns. It is told its configuration in the first line of its standard input and answers each further line with
 * one line; it ends when its input does. Nothing but answers goes to standard output.
 */
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { loadPrivateKey, nodeCrypto, nodeSigner } from '@smets1/host';
import { JournalError, nodeFiles } from '@smets1/journal';
import type { ControlConfiguration } from '../control-port.js';
import { CONTROL_LINE_BYTES_MAX, CONTROL_LOCK_ROUND_MS, CONTROL_LOCK_ROUNDS_MAX } from '../limits.js';
import { openCountersigner } from './countersigner.js';
import type { Countersigner, CountersignerOptions } from './countersigner.js';
import { encodeAnswer, parseConfiguration, parseQuestion } from './lines.js';

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function open(configuration: ControlConfiguration): Promise<Countersigner> {
  const { keyPath, allowDemo, storeDirectory, controlDirectory, policy } = configuration;
  const keysOf = (list: readonly string[]): readonly Uint8Array[] =>
    list.map((text) => new Uint8Array(Buffer.from(text, 'base64')));
  const options: CountersignerOptions = {
    files: nodeFiles(),
    storeDirectory,
    controlDirectory,
    crypto: nodeCrypto(),
    signer: nodeSigner({ dco: loadPrivateKey(keyPath, { allowDemo }) }),
    trust: { manufacturer: keysOf(configuration.manufacturerKeys), supplier: keysOf(configuration.supplierKeys) },
    policy,
    nowMs: () => Date.now(),
  };
  for (let round = 1; ; round += 1) {
    try {
      return await openCountersigner(options);
    } catch (error) {
      // The one before us may still be ending: it learns of the death of its server only by the end of its input.
      if (!(error instanceof JournalError && error.code === 'locked') || round >= CONTROL_LOCK_ROUNDS_MAX) throw error;
      await setTimeout(CONTROL_LOCK_ROUND_MS);
    }
  }
}

async function main(): Promise<void> {
  let countersigner: Countersigner | undefined;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.length > CONTROL_LINE_BYTES_MAX) throw new Error(`a line of ${line.length} characters`);
    if (countersigner === undefined) {
      countersigner = await open(parseConfiguration(line));
      say('{"ready":true}');
      continue;
    }
    const { kind, id, request } = parseQuestion(line);
    if (kind === 'revoke') say(encodeAnswer(id, await countersigner.revoke(request)));
    else say(encodeAnswer(id, await countersigner.countersign(request)));
  }
  countersigner?.close();
}

try {
  await main();
} catch (error) {
  // Why, for the one who started us; a message, no trace.
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'defect';
  say(JSON.stringify({ fatal: { code, message } }));
  process.exitCode = 1;
}
