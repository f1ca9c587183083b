/**
 * The runner of a sender, with its promises, timers and link events in every order: at a chosen moment of a run up to six things are pending at
 * once, and fast-check's scheduler lets them happen in the order that it is given. After that everything goes its ordinary way.
 */
import fc from 'fast-check';
import type { Link, LinkCloseReason } from '@smets1/hardware';
import { runSender, type SendReport, type TimePort } from '@smets1/host';
import type { SenderPlan } from '@smets1/protocol';
import { FlatMeter } from '../transfers/flat-meter.js';
import { modelBench } from '../transfers/images.js';

export const ORDERS = 720;
const PENDING = 6;

export interface Raced {
  readonly report: SendReport | undefined;
  readonly complaints: readonly string[];
  readonly happened: readonly string[];
  readonly linksOpened: number;
}

const bench = modelBench();
const { wanted, other, ancient, foreign } = bench.shapes[1]!;
const VIRTUAL_MS_MAX = 1_000_000;
const TURNS_MAX = 20_000;

/** The `index`th order of 0 to 5. */
export function orderAt(index: number): readonly number[] {
  const left = Array.from({ length: PENDING }, (_, i) => i);
  let rest = index;
  return Array.from({ length: PENDING }, (_, i) => {
    const choices = PENDING - i;
    const [one] = left.splice(rest % choices, 1);
    rest = Math.floor(rest / choices);
    return one!;
  });
}

interface Timer {
  readonly atMs: number;
  run: (() => void) | undefined;
}

/** One run: after `moment` frames have gone, the six are let loose in the order given. */
export async function race(moment: number, order: readonly number[], aborts: boolean): Promise<Raced> {
  const stage = new Stage();
  const abort = new AbortController();
  const ended: SendReport[] = [];
  const plan: SenderPlan = {
    image: wanted.image,
    authorisation: bench.authorise(wanted, 1),
    replace: true,
    deviceId: undefined,
    octetsPerSecond: undefined,
    random: new Uint8Array(8).fill(3),
  };
  const running = runSender({
    plan,
    crypto: bench.crypto,
    deviceKey: bench.deviceKey,
    openLink: () => stage.openLink(),
    time: stage.time,
    signal: abort.signal,
    reconnectMs: 20_000,
  }).then((one) => {
    ended.push(one);
  });
  for (let frames = 0; frames < moment && ended.length === 0; frames++) {
    await rest();
    stage.turn();
  }
  const scheduler = fc.schedulerFor([...order].map((one) => one + 1));
  const happened: string[] = [];
  const things: readonly (readonly [string, () => void])[] = [
    ['to-host', () => stage.turn('to-host')],
    ['to-meter', () => stage.turn('to-meter')],
    ['timer', () => stage.ring()],
    ['unplug', () => stage.unplug()],
    [aborts ? 'abort' : 'unplug-again', () => (aborts ? abort.abort() : stage.unplug())],
    ['open', () => stage.letOpen()],
  ];
  for (const [name, happen] of things) {
    void scheduler.schedule(Promise.resolve(name), name).then(() => {
      happened.push(name);
      happen();
    });
  }
  await scheduler.waitAll();
  stage.isHonest = true;
  for (let turns = 0; ended.length === 0 && turns < TURNS_MAX && stage.nowMs < VIRTUAL_MS_MAX; turns++) {
    await rest();
    if (!stage.turn()) stage.ring();
  }
  if (ended.length > 0) await running;
  const [report] = ended;
  await rest();
  const complaints = [...stage.complaints];
  if (report === undefined) complaints.push(`I12: no end after ${stage.nowMs} ms`);
  if (ended.length > 1) complaints.push('I8: ended more than once');
  if (stage.openLinks > 0) complaints.push(`I9: ${stage.openLinks} links are left open`);
  if (report?.result.kind === 'done' && stage.meter.runs() !== 'new')
    complaints.push('I8: done, and the meter runs another image');
  if (report?.result.kind === 'failed' && !ENDS.has(report.result.reason))
    complaints.push(`I12: ended ${report.result.reason}`);
  // A timer that rings before any meter has answered is the end of a run that never found one.
  const foundNobody = report?.meter === undefined;
  if (report?.result.kind === 'failed' && !aborts && !foundNobody)
    complaints.push(`I12: not done: ${report.result.reason}: ${report.result.detail}`);
  return { report, complaints, happened, linksOpened: stage.linksOpened };
}

const ENDS: ReadonlySet<string> = new Set(['interrupted', 'no-answer']);

/** Lets every promise that can go on do so. */
async function rest(): Promise<void> {
  for (let i = 0; i < 6; i++) await Promise.resolve();
}

/** Links, timers and the meter, moved by hand. */
class Stage {
  readonly complaints: string[] = [];
  readonly meter: FlatMeter;
  nowMs = 0;
  linksOpened = 0;
  openLinks = 0;
  isHonest = false;
  #timers: Timer[] = [];
  #link: StageLink | undefined;
  #waiting: ((link: Link) => void)[] = [];
  #toHost: Uint8Array[] = [];
  #toMeter: Uint8Array[] = [];

  constructor() {
    this.meter = new FlatMeter({
      bench,
      known: [bench.old, wanted, other, ancient, foreign],
      drawCut: () => undefined,
      drawTorn: () => 0,
      selfTest: true,
      isAuthorised: () => true,
      complain: (invariant, detail) => void this.complaints.push(`${invariant}: ${detail}`),
    });
  }

  readonly time: TimePort = {
    nowMs: () => this.nowMs,
    after: (delayMs, run) => {
      const timer: Timer = { atMs: this.nowMs + Math.max(0, delayMs), run };
      this.#timers.push(timer);
      return () => {
        timer.run = undefined;
      };
    },
  };

  openLink(): Promise<Link> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  letOpen(): boolean {
    const resolve = this.#waiting.shift();
    if (resolve === undefined) return false;
    this.linksOpened += 1;
    this.openLinks += 1;
    const link = new StageLink(this);
    this.#link = link;
    resolve(link);
    return true;
  }

  unplug(): void {
    this.#toHost = [];
    this.#toMeter = [];
    this.#link?.ended({ kind: 'remote', detail: 'unplugged' });
  }

  sent(octets: Uint8Array): void {
    this.#toMeter.push(octets);
  }

  /** The next thing that is not a timer. False when there is none. */
  turn(only?: 'to-host' | 'to-meter'): boolean {
    if (only === undefined && this.letOpen()) return true;
    if (only !== 'to-host') {
      const frame = this.#toMeter.shift();
      if (frame !== undefined) {
        this.#toHost.push(...(this.meter.hear(frame, this.nowMs) ?? []));
        return true;
      }
    }
    if (only === 'to-meter') return false;
    const frame = this.#toHost.shift();
    if (frame === undefined) return false;
    this.#link?.receive(frame);
    return true;
  }

  /** The next timer, of host or meter, whichever is due first. */
  ring(): void {
    this.#timers = this.#timers.filter(({ run }) => run !== undefined).toSorted((a, b) => a.atMs - b.atMs);
    const [timer] = this.#timers;
    const meterAtMs = this.meter.wakeAtMs();
    if (meterAtMs <= (timer?.atMs ?? Infinity)) {
      if (meterAtMs === Infinity) return;
      this.nowMs = Math.max(this.nowMs, meterAtMs);
      this.#toHost.push(...(this.meter.tick(this.nowMs) ?? []));
      return;
    }
    this.#timers.shift();
    this.nowMs = Math.max(this.nowMs, timer!.atMs);
    timer!.run?.();
  }

  closed(link: StageLink): void {
    this.openLinks -= 1;
    if (this.#link === link) this.#link = undefined;
  }
}

class StageLink implements Link {
  readonly label = 'stage';
  readonly capabilities = { framing: 'message' } as const;
  readonly bufferedBytes = 0;
  readonly #stage: Stage;
  #receive: (octets: Uint8Array) => void = () => undefined;
  #close: ((reason: LinkCloseReason) => void) | undefined;
  #reason: LinkCloseReason | undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  send(octets: Uint8Array): void {
    if (this.#reason === undefined) this.#stage.sent(octets.slice());
  }

  onReceive(handler: (octets: Uint8Array) => void): void {
    this.#receive = handler;
  }

  onClose(handler: (reason: LinkCloseReason) => void): void {
    this.#close = handler;
    if (this.#reason !== undefined) handler(this.#reason);
  }

  async close(): Promise<void> {
    this.ended({ kind: 'local' });
  }

  receive(octets: Uint8Array): void {
    if (this.#reason === undefined) this.#receive(octets);
  }

  ended(reason: LinkCloseReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#stage.closed(this);
    this.#close?.(reason);
  }
}
