/** The countersigner in a process of its own: one line each way for each question. Started again when it dies, told of when it cannot start. */
import { spawn } from 'node:child_process';
import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import * as v from 'valibot';
import type {
  ControlConfiguration,
  ControlPort,
  CountersignatureAnswer,
  CountersignatureRequest,
} from '../control-port.js';
import { DcoError } from '../error.js';
import { COMPLAINT_LENGTH_MAX, CONTROL_ANSWER_MS_MAX, CONTROL_CLOSE_MS_MAX, CONTROL_START_MS_MAX } from '../limits.js';

export interface ControlProcess extends ControlPort {
  /** Of the process that runs now; undefined while none does. */
  readonly pid: number | undefined;
}

const CODES = [
  'malformed',
  'signature',
  'role',
  'device',
  'hash',
  'not-held',
  'not-listed',
  'version',
  'hardware',
  'counter',
  'rate',
  'unavailable',
] as const;
const LINE = v.union([
  v.strictObject({ ready: v.literal(true) }),
  v.strictObject({ fatal: v.strictObject({ code: v.string(), message: v.string() }) }),
  v.strictObject({ id: v.number(), ok: v.literal(true), authorisation: v.pipe(v.string(), v.base64()) }),
  v.strictObject({ id: v.number(), ok: v.literal(false), code: v.picklist(CODES), message: v.string() }),
]);
type Line = v.InferOutput<typeof LINE>;

/** @param mainPath - The program; the one beside this file unless given. @throws {@link DcoError} `control-failed`, as a rejection. */
export async function startControlProcess(
  configuration: ControlConfiguration,
  mainPath: string = new URL('../control/control-main.js', import.meta.url).pathname,
): Promise<ControlProcess> {
  const process = new Control(configuration, mainPath);
  await process.start();
  return process;
}

class Control implements ControlProcess {
  readonly #configuration: ControlConfiguration;
  readonly #mainPath: string;
  #child: ChildProcessWithoutNullStreams | undefined;
  #starting: Promise<void> | undefined;
  #nextId = 1;
  readonly #asked = new Map<number, (answer: CountersignatureAnswer) => void>();
  #closed = false;

  constructor(configuration: ControlConfiguration, mainPath: string) {
    this.#configuration = configuration;
    this.#mainPath = mainPath;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async countersign(request: CountersignatureRequest): Promise<CountersignatureAnswer> {
    try {
      await this.start();
    } catch (error) {
      return unavailable(error instanceof Error ? error.message : String(error));
    }
    const child = this.#child;
    if (child === undefined) return unavailable('the countersigner has ended');
    return new Promise((resolve) => {
      const id = this.#nextId;
      this.#nextId += 1;
      const timer = setTimeout(() => settle(unavailable('the countersigner does not answer')), CONTROL_ANSWER_MS_MAX);
      const settle = (answer: CountersignatureAnswer): void => {
        clearTimeout(timer);
        this.#asked.delete(id);
        resolve(answer);
      };
      this.#asked.set(id, settle);
      const { requestId, deviceId, firmwareHash } = request;
      const authorisation = Buffer.from(request.authorisation).toString('base64');
      child.stdin.write(`${JSON.stringify({ id, requestId, deviceId, firmwareHash, authorisation })}\n`);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise<void>((resolve) => {
      child.once('close', () => resolve());
    });
    child.stdin.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), CONTROL_CLOSE_MS_MAX);
    await ended;
    clearTimeout(timer);
  }

  /** Resolves when the process is ready; starts one when there is none. */
  start(): Promise<void> {
    if (this.#closed) return Promise.reject(new DcoError('closed', 'the control is closed'));
    if (this.#child !== undefined) return this.#starting ?? Promise.resolve();
    this.#starting = this.#spawn();
    return this.#starting;
  }

  #spawn(): Promise<void> {
    // Nothing of our environment is its business, but for what Node itself needs to start.
    const env = { PATH: process.env['PATH'] ?? '', NODE_OPTIONS: '' };
    const child = spawn(process.execPath, [this.#mainPath], { stdio: ['pipe', 'pipe', 'pipe'], env });
    this.#child = child;
    child.stdin.on('error', () => {}); // told by `close`
    let complaints = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints = (complaints + text).slice(-COMPLAINT_LENGTH_MAX);
    });
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        reject(new DcoError('control-failed', `the countersigner did not start: ${why}`));
      };
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        fail(`no sign of it within ${CONTROL_START_MS_MAX} ms`);
      }, CONTROL_START_MS_MAX);
      createInterface({ input: child.stdout }).on('line', (text) => {
        const line = lineOf(text);
        if (line === undefined) return;
        if ('ready' in line) {
          clearTimeout(timer);
          resolve();
        } else if ('fatal' in line) {
          fail(`${line.fatal.code}: ${line.fatal.message}`);
        } else {
          this.#asked.get(line.id)?.(
            line.ok ? { ok: true, authorisation: new Uint8Array(Buffer.from(line.authorisation, 'base64')) } : line,
          );
        }
      });
      child.on('error', (error) => this.#ended(child, () => fail(error.message)));
      child.on('close', (code, signal) => this.#ended(child, () => fail(`it ended (${signal ?? code}) ${complaints}`)));
      child.stdin.write(`${JSON.stringify(this.#configuration)}\n`);
    });
  }

  #ended(child: ChildProcess, fail: () => void): void {
    fail();
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#starting = undefined;
    for (const settle of this.#asked.values())
      settle(unavailable('the countersigner has ended; it is started again with the next try'));
  }
}

function lineOf(text: string): Line | undefined {
  try {
    const line = v.safeParse(LINE, JSON.parse(text));
    return line.success ? line.output : undefined;
  } catch {
    return undefined;
  }
}

function unavailable(message: string): CountersignatureAnswer {
  return { ok: false, code: 'unavailable', message };
}
