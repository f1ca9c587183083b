import type {
  BindingInterface,
  BindingPortInterface,
  OpenOptions,
  PortInfo,
  PortStatus,
  SetOptions,
  UpdateOptions,
} from '@serialport/bindings-interface' with { 'resolution-mode': 'require' };
import { LINE_CHUNK_BYTES_MAX, LINE_INPUT_BYTES_MAX } from '../limits.js';
import { checkDropRate, seededFractions, withoutDropped } from '../seeded.js';

/**
 * When octets that were written arrive at the other end: calls `arrive` once, later, in the order it was asked.
 *
 * This is the seam for time: pacing by baud rate, latency and jitter are schedules. The one given by default delivers in
 * the next turn of the event loop, as fast as the machine can.
 */
export type LineSchedule = (
  arrive: () => void,
  transit: { readonly octets: number; readonly baudRate: number },
) => void;

export interface LinePairOptions {
  /** Repeats the same losses for the same traffic. */
  readonly seed: number;
  /** The probability with which an octet is lost; 0 when absent. */
  readonly dropRate?: number;
  readonly schedule?: LineSchedule;
}

/** A modelled serial line with a port at each end. */
export interface LinePair {
  readonly a: LineModelBinding;
  readonly b: LineModelBinding;
  /** Pulls the cable at both ends: open ports are lost, and none can be opened until `plug`. */
  unplug(): void;
  plug(): void;
}

/**
 * Two SerialPort bindings joined by a line, each with one port, `binding.path`.
 *
 * Behaves like a wire: what is written while the other end is closed is lost, and neither end sees the other close.
 *
 * @throws RangeError when `dropRate` is no probability.
 */
export function createLinePair(options: LinePairOptions): LinePair {
  const dropRate = options.dropRate ?? 0;
  checkDropRate(dropRate);
  const schedule = options.schedule ?? nextTurn;
  const a = new LineModelBinding('line:a', { dropRate, schedule, fraction: seededFractions(options.seed) });
  const b = new LineModelBinding('line:b', { dropRate, schedule, fraction: seededFractions(options.seed + 1) });
  a.peer = b;
  b.peer = a;
  const setPlugged = (isPlugged: boolean): void => {
    for (const end of [a, b]) end.setPlugged(isPlugged);
  };
  return { a, b, unplug: () => setPlugged(false), plug: () => setPlugged(true) };
}

const nextTurn: LineSchedule = (arrive) => void setImmediate(arrive);

interface Wire {
  readonly dropRate: number;
  readonly schedule: LineSchedule;
  readonly fraction: () => number;
}

/** One end of a modelled line, as a binding that `SerialPortStream` and `openSerial` take. */
export class LineModelBinding implements BindingInterface<LineModelPort> {
  readonly path: string;
  peer: LineModelBinding | undefined;
  readonly #wire: Wire;
  #port: LineModelPort | undefined;
  #isPlugged = true;

  constructor(path: string, wire: Wire) {
    this.path = path;
    this.#wire = wire;
  }

  get openPort(): LineModelPort | undefined {
    return this.#port?.isOpen === true ? this.#port : undefined;
  }

  async list(): Promise<PortInfo[]> {
    if (!this.#isPlugged) return [];
    const unknown = { manufacturer: undefined, serialNumber: undefined, pnpId: undefined, locationId: undefined };
    return [{ path: this.path, ...unknown, vendorId: undefined, productId: undefined }];
  }

  // The words of the messages are those of the system's own binding, so that one reading of them fits both.
  async open(options: OpenOptions): Promise<LineModelPort> {
    if (options.path !== this.path || !this.#isPlugged)
      throw new Error(`No such file or directory, cannot open ${options.path}`);
    if (this.openPort !== undefined) throw new Error('Resource temporarily unavailable Cannot lock port');
    this.#port = new LineModelPort(options, this.#wire, () => this.peer?.openPort);
    return this.#port;
  }

  setPlugged(isPlugged: boolean): void {
    this.#isPlugged = isPlugged;
    if (!isPlugged) this.openPort?.loseDevice();
  }
}

/** An open end. Reads and writes as `SerialPortStream` expects: at least one octet per read, one write at a time. */
export class LineModelPort implements BindingPortInterface {
  readonly openOptions: Required<OpenOptions>;
  isOpen = true;
  readonly #wire: Wire;
  readonly #farEnd: () => LineModelPort | undefined;
  readonly #input: Buffer[] = [];
  #inputBytes = 0;
  #baudRate: number;
  #lines = { dtr: true, rts: true };
  #failure: Error | undefined;
  #reader: Waiting | undefined;
  #writer: Waiting | undefined;
  /** Set by a far end that has no room; called when there is some again, or when nobody will ever read. */
  #wakeFarWriter: (() => void) | undefined;

  constructor(options: OpenOptions, wire: Wire, farEnd: () => LineModelPort | undefined) {
    this.openOptions = { ...DEFAULT_OPTIONS, ...options };
    this.#baudRate = options.baudRate;
    this.#wire = wire;
    this.#farEnd = farEnd;
  }

  async read(buffer: Buffer, offset: number, length: number): Promise<{ buffer: Buffer; bytesRead: number }> {
    this.#mustBeOpen();
    while (this.#inputBytes === 0) await waitFor((waiting) => (this.#reader = waiting));
    let bytesRead = 0;
    while (bytesRead < length && this.#input.length > 0) {
      const first = this.#input[0]!;
      const taken = first.copy(buffer, offset + bytesRead, 0, length - bytesRead);
      bytesRead += taken;
      if (taken === first.length) this.#input.shift();
      else this.#input[0] = first.subarray(taken);
    }
    this.#inputBytes -= bytesRead;
    this.#tellRoom();
    return { buffer, bytesRead };
  }

  async write(buffer: Buffer): Promise<void> {
    for (let at = 0; at < buffer.length; at += LINE_CHUNK_BYTES_MAX) {
      this.#mustBeOpen();
      await this.#carry(Buffer.from(buffer.subarray(at, at + LINE_CHUNK_BYTES_MAX)));
    }
  }

  async close(): Promise<void> {
    if (!this.isOpen) throw canceled('the port is not open');
    this.isOpen = false;
    this.#rejectWaiting(canceled('the port was closed'));
  }

  async update(options: UpdateOptions): Promise<void> {
    this.#mustBeOpen();
    this.#baudRate = options.baudRate;
  }

  async set(options: SetOptions): Promise<void> {
    this.#mustBeOpen();
    this.#lines = { dtr: options.dtr ?? this.#lines.dtr, rts: options.rts ?? this.#lines.rts };
  }

  /** The cable is crossed: the far end's RTS is our CTS, its DTR our DSR and DCD. */
  async get(): Promise<PortStatus> {
    this.#mustBeOpen();
    const far = this.#farEnd();
    const lines = far === undefined ? { dtr: false, rts: false } : far.#lines;
    return { cts: lines.rts, dsr: lines.dtr, dcd: lines.dtr };
  }

  async getBaudRate(): Promise<{ baudRate: number }> {
    this.#mustBeOpen();
    return { baudRate: this.#baudRate };
  }

  async flush(): Promise<void> {
    this.#mustBeOpen();
    this.#input.length = 0;
    this.#inputBytes = 0;
    this.#tellRoom();
  }

  async drain(): Promise<void> {
    this.#mustBeOpen(); // a write resolves on arrival, and the stream has one write at a time
  }

  /** The cable was pulled: whatever waits fails as on a real port, which likewise stays open until it is closed. */
  loseDevice(): void {
    this.#failure = Object.assign(new Error('the line was unplugged'), { code: 'ENXIO' });
    this.#rejectWaiting(this.#failure);
  }

  async #carry(chunk: Buffer): Promise<void> {
    await waitFor((waiting) => {
      this.#writer = waiting;
      const arrived = (): void => {
        this.#writer = undefined;
        waiting.resolve();
      };
      const arrive = (): void => {
        const far = this.#farEnd();
        if (far === undefined)
          arrived(); // nobody listens: the octets are gone, as on a wire
        else if (far.#inputBytes + chunk.length > LINE_INPUT_BYTES_MAX) far.#wakeFarWriter = arrive;
        else {
          far.#push(withoutDropped(chunk, this.#wire.dropRate, this.#wire.fraction));
          arrived();
        }
      };
      this.#wire.schedule(arrive, { octets: chunk.length, baudRate: this.#baudRate });
    });
  }

  #push(octets: Uint8Array): void {
    if (octets.length === 0) return;
    this.#input.push(Buffer.from(octets));
    this.#inputBytes += octets.length;
    this.#reader?.resolve();
    this.#reader = undefined;
  }

  #tellRoom(): void {
    const wake = this.#wakeFarWriter;
    this.#wakeFarWriter = undefined;
    wake?.();
  }

  #rejectWaiting(error: Error): void {
    for (const waiting of [this.#reader, this.#writer]) waiting?.reject(error);
    this.#reader = undefined;
    this.#writer = undefined;
    this.#tellRoom();
  }

  #mustBeOpen(): void {
    if (!this.isOpen) throw canceled('the port is not open');
    if (this.#failure !== undefined) throw this.#failure;
  }
}

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

async function waitFor(begin: (waiting: Waiting) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => begin({ resolve, reject }));
}

/** The flag by which the stream knows that a close, and no fault, ended a read or write. */
function canceled(message: string): Error {
  return Object.assign(new Error(message), { canceled: true });
}

const DEFAULT_OPTIONS = {
  dataBits: 8,
  stopBits: 1,
  parity: 'none',
  lock: true,
  rtscts: false,
  xon: false,
  xoff: false,
  xany: false,
  hupcl: true,
} as const;
