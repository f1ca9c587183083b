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
  RevocationAnswer,
  RevocationRequest,
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
  'revoked',
  'rate',
  'unavailable',
] as const;
const LINE = v.union([
  v.strictObject({ ready: v.literal(true) }),
  v.strictObject({ fatal: v.strictObject({ code: v.string(), message: v.string() }) }),
  v.strictObject({ id: v.number(), ok: v.literal(true) }),
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
  readonly #asked = new Map<number, (answer: Told) => void>();
  #closed = false;

  constructor(configuration: ControlConfiguration, mainPath: string) {
    this.#configuration = configuration;
    this.#mainPath = mainPath;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async countersign(request: CountersignatureRequest): Promise<CountersignatureAnswer> {
    const { requestId, deviceId, firmwareHash } = request;
    const answer = await this.#ask({ requestId, deviceId, firmwareHash, authorisation: base64(request.authorisation) });
    if (!answer.ok) return answer;
    return answer.authorisation === undefined
      ? unavailable('the countersigner answers something else than it was asked')
      : { ok: true, authorisation: answer.authorisation };
  }

  async revoke({ authorisation }: RevocationRequest): Promise<RevocationAnswer> {
    const answer = await this.#ask({ revoke: base64(authorisation) });
    return answer.ok ? { ok: true } : answer;
  }

  async #ask(question: Readonly<Record<string, string>>): Promise<Told> {
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
      const settle = (answer: Told): void => {
        clearTimeout(timer);
        this.#asked.delete(id);
        resolve(answer);
      };
      this.#asked.set(id, settle);
      child.stdin.write(`${JSON.stringify({ id, ...question })}\n`);
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
      const fail = (why: string, code: 'control-failed' | 'control-trust-changed' = 'control-failed'): void => {
        clearTimeout(timer);
        reject(new DcoError(code, `the countersigner did not start: ${why}`));
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
          const { code, message } = line.fatal;
          if (code === 'control-trust-changed') fail(message, code);
          else fail(`${code}: ${message}`);
        } else {
          this.#asked.get(line.id)?.(toldBy(line));
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

/** Either answer, as one line says it. */
type Told =
  { readonly ok: true; readonly authorisation?: Uint8Array } | Exclude<CountersignatureAnswer, { readonly ok: true }>;

function toldBy(line: Exclude<Line, { readonly ready: true } | { readonly fatal: unknown }>): Told {
  if (!line.ok) return { ok: false, code: line.code, message: line.message };
  if (!('authorisation' in line)) return { ok: true };
  return { ok: true, authorisation: new Uint8Array(Buffer.from(line.authorisation, 'base64')) };
}

function base64(octets: Uint8Array): string {
  return Buffer.from(octets).toString('base64');
}

function unavailable(message: string): Exclude<CountersignatureAnswer, { readonly ok: true }> {
  return { ok: false, code: 'unavailable', message };
}
