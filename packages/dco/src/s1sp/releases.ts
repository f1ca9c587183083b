/**
 * From an admitted 11.2 or 11.3 to its response. Each step is durable before the next begins, so a crash at any moment is continued where
 * it stopped: requested → forwarding (countersigned) → sealed → activating → done.
 */
import type { TimePort } from '@smets1/host';
import { runTask } from '@smets1/protocol';
import type { CryptoPort, SendableImage, TrustAnchors } from '@smets1/protocol';
import type { Clock } from '../clock.js';
import type { ControlPort } from '../control-port.js';
import { DcoError, isStorageError } from '../error.js';
import type { Answer } from '../error.js';
import type { EventBus, StageEvent } from '../events.js';
import { READY_IMAGES_MAX } from '../limits.js';
import type { Inventory } from '../inventory.js';
import type { MeterLinks } from '../meter-links.js';
import { sendableImage } from '../store/image.js';
import type {
  CancelRequest,
  Change,
  MeterRecord,
  ReadRequest,
  ReleaseRequest,
  ReleaseStage,
} from '../store/records.js';
import type { DcoSettings } from '../store/settings.js';
import type { StoreState } from '../store/state.js';
import type { Store } from '../store/store.js';
import { admitActivation, admitRead } from './admission.js';
import type { Activation, Admitted } from './admission.js';
import { speak } from './conversation.js';
import type { Spoken } from './conversation.js';
import { openLanes } from './lanes.js';
import type { Lanes } from './lanes.js';
import { entryOf } from './release-entry.js';
import type { Result } from './release-entry.js';

export interface ReleaseOptions {
  readonly store: Store;
  readonly crypto: CryptoPort;
  readonly trust: Pick<TrustAnchors, 'manufacturer' | 'supplier'>;
  readonly inventory: Inventory;
  readonly links: MeterLinks;
  readonly control: ControlPort;
  readonly clock: Clock;
  readonly settings: DcoSettings;
  readonly bus: EventBus;
  /** Octets a second on each link; absent: as fast as it goes. */
  readonly ratePerLink?: number;
  /** How links keep time; the machine's own unless given. */
  readonly linkTime?: TimePort;
  /** Told what nobody foresaw; its request is answered `defect`, or goes on after the next start when the storage has failed. */
  readonly report: (error: unknown) => void;
}

export interface Releases {
  /** Takes an 11.3; see `admitActivation`. */
  activate(asked: Activation): Promise<Answer<Admitted>>;
  /** Takes an 11.2. */
  read(requestId: string, deviceId: string): Promise<Answer<Admitted>>;
  /** Jobs under way or waiting for a place; what waits for its time is not among them. */
  readonly busyCount: number;
  /** Ends conversations; their requests go on after the next start. */
  close(): Promise<void>;
}

/** Continues everything that the journal says is not done, and takes more. */
export function openReleases(options: ReleaseOptions): Releases {
  const running = new RunningReleases(options);
  running.resume();
  return running;
}

/** When and how a job is looked at again; undefined: it is over, or waits for nobody. */
type Next = { readonly atMs: number; readonly isRetry: boolean } | undefined;

class RunningReleases implements Releases {
  readonly #o: ReleaseOptions;
  readonly #lanes: Lanes;
  readonly #stop = new AbortController();
  /** Conversations that a cancellation or the due time may end. */
  readonly #talking = new Map<string, AbortController>();
  readonly #timers = new Map<string, () => void>();
  readonly #tries = new Map<string, number>();
  readonly #images = new Map<string, SendableImage>();

  constructor(options: ReleaseOptions) {
    this.#o = options;
    this.#lanes = openLanes(options.settings.deliveriesMax);
  }

  get busyCount(): number {
    return this.#lanes.count;
  }

  resume(): void {
    const { state } = this.#o.store;
    for (const request of state.pending.values()) this.#enqueue(request.requestId, request.deviceId);
    for (const request of state.requests.values()) {
      if (request.srv === '11.3-cancel' && request.toRevoke !== undefined)
        this.#enqueue(request.requestId, request.deviceId);
      if (request.srv === '11.2' && !state.entriesOf.has(request.requestId))
        this.#enqueue(request.requestId, request.deviceId);
    }
  }

  async activate(asked: Activation): Promise<Answer<Admitted>> {
    const answer = await admitActivation(this.#door(), asked);
    if (answer.ok && !answer.value.repeated) this.#admitted(answer.value, asked.deviceId);
    return answer;
  }

  async read(requestId: string, deviceId: string): Promise<Answer<Admitted>> {
    const answer = await admitRead(this.#door(), requestId, deviceId);
    if (answer.ok && !answer.value.repeated) this.#admitted(answer.value, deviceId);
    return answer;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    for (const talk of this.#talking.values()) talk.abort();
    await this.#lanes.close();
  }

  #door(): Parameters<typeof admitActivation>[0] {
    const { store, crypto, trust, inventory, settings, clock } = this.#o;
    return { store, crypto, trust, inventory, settings, nowMs: () => clock.nowMs() };
  }

  #admitted({ requestId, cancelled }: Admitted, deviceId: string): void {
    if (cancelled === undefined) {
      this.#tell(requestId, deviceId, { stage: 'requested' });
      this.#enqueue(requestId, deviceId);
      return;
    }
    this.#tell(cancelled, deviceId, { stage: 'cancelled', detail: `by ${requestId}` });
    this.#forget(cancelled);
    this.#talking.get(cancelled)?.abort();
    this.#enqueue(requestId, deviceId); // the control has yet to hear of it
  }

  #enqueue(requestId: string, deviceId: string): void {
    this.#lanes.add(deviceId, async () => {
      let next: Next;
      try {
        next = await this.#advance(requestId);
      } catch (error) {
        next = await this.#afterError(error, requestId, deviceId);
      }
      if (next !== undefined && !this.#stop.signal.aborted) this.#later(requestId, deviceId, next);
    });
  }

  /** Storage that is full may have room again, and one that has failed is left to the next start; anything else is a defect of ours. */
  async #afterError(error: unknown, requestId: string, deviceId: string): Promise<Next> {
    if (this.#stop.signal.aborted) return undefined;
    if (isStorageError(error, 'storage-full')) {
      this.#tell(requestId, deviceId, { stage: 'storage-waiting', detail: error.message });
      return this.#retry(requestId);
    }
    this.#o.report(error);
    if (isStorageError(error, 'storage-failed') || isStorageError(error, 'closed')) return undefined;
    try {
      return await this.#defect(error, requestId, deviceId);
    } catch (again) {
      if (!isStorageError(again, 'storage-full')) this.#o.report(again);
      return this.#retry(requestId);
    }
  }

  /** Answers a request that our own fault has ended: nobody is left to wait for what will not come. */
  async #defect(error: unknown, requestId: string, deviceId: string): Promise<Next> {
    const request = this.#o.store.state.requests.get(requestId);
    const why = error instanceof Error ? error.message : String(error);
    const message = `a defect of the DCO, which has been reported there (${why}); what the meter did of it may not be known, so read its version with 11.2`;
    const result: Result = { code: 'defect', message, device: { deviceId } };
    if (request?.srv === '11.3') await this.#finish(request, result, undefined);
    else if (request?.srv === '11.2') await this.#answerRead(request, result, undefined);
    // The cancellation itself is done and answered. Only the control has to hear of it still.
    else if (request?.srv === '11.3-cancel') return this.#retry(requestId);
    return undefined;
  }

  #later(requestId: string, deviceId: string, { atMs, isRetry }: NonNullable<Next>): void {
    if (isRetry)
      this.#tell(requestId, deviceId, { stage: 'retry', detail: `in ${Math.round(atMs - this.#o.clock.nowMs())} ms` });
    this.#timers.get(requestId)?.();
    const cancel = this.#o.clock.at(atMs, () => {
      this.#timers.delete(requestId);
      this.#enqueue(requestId, deviceId);
    });
    this.#timers.set(requestId, cancel);
  }

  #retry(requestId: string, notAfterMs = Number.POSITIVE_INFINITY): NonNullable<Next> {
    const { settings, clock } = this.#o;
    const tries = this.#tries.get(requestId) ?? 0;
    this.#tries.set(requestId, tries + 1);
    const waitMs = Math.min(settings.retryMsFirst * 2 ** Math.min(tries, 30), settings.retryMsMax);
    return { atMs: Math.min(clock.nowMs() + waitMs, notAfterMs), isRetry: true };
  }

  #forget(requestId: string): void {
    this.#timers.get(requestId)?.();
    this.#timers.delete(requestId);
    this.#tries.delete(requestId);
  }

  async #advance(requestId: string): Promise<Next> {
    const request = this.#o.store.state.requests.get(requestId);
    if (request === undefined || this.#stop.signal.aborted) return undefined;
    if (request.srv === '11.2') return this.#readVersion(request);
    if (request.srv === '11.3-cancel') return this.#revoke(request);
    for (;;) {
      const release = this.#o.store.state.pending.get(requestId);
      if (release === undefined) return undefined; // done, or called off
      const next = await this.#step(release);
      if (next !== 'go on') return next;
    }
  }

  async #step(release: ReleaseRequest): Promise<Next | 'go on'> {
    const nowMs = this.#o.clock.nowMs();
    const { executionAtMs } = release;
    switch (release.stage) {
      case 'requested':
        return this.#askControl(release);
      case 'forwarding':
        if (executionAtMs !== undefined && nowMs >= executionAtMs)
          return this.#notActioned(release, 'the image was not sealed in the meter in time');
        return this.#forward(release);
      case 'sealed':
        if (executionAtMs !== undefined && nowMs < executionAtMs) {
          this.#tell(release.requestId, release.deviceId, {
            stage: 'waiting',
            detail: `until ${new Date(executionAtMs).toISOString()}`,
          });
          return { atMs: executionAtMs, isRetry: false };
        }
        if (executionAtMs !== undefined && nowMs - executionAtMs > this.#o.settings.lateActivationMsMax) {
          return this.#notActioned(release, 'the execution date passed while the DCO could not act');
        }
        return (await this.#toStage(release, 'activating')) ? this.#activate(release, true) : 'go on';
      case 'activating':
        return this.#activate(release, false);
      case 'done':
        return undefined;
    }
  }

  async #askControl(release: ReleaseRequest): Promise<Next | 'go on'> {
    const { requestId, deviceId, firmwareHash } = release;
    const authorisation = octetsOf(release.authorisation);
    const answer = await this.#o.control.countersign({ requestId, deviceId, firmwareHash, authorisation });
    if (answer.ok) {
      const countersigned = Buffer.from(answer.authorisation).toString('base64');
      const isFuture = release.executionAtMs !== undefined;
      const isStill = await this.#commit(release, (state) => [
        { kind: 'request', value: { ...release, countersigned, stage: 'forwarding' } },
        ...(isFuture
          ? [
              entryOf(
                state,
                release,
                { code: 'accepted', message: 'authorised; activation waits for its date', device: { deviceId } },
                this.#o.clock.nowMs(),
              ),
            ]
          : []),
      ]);
      if (isStill) this.#tell(requestId, deviceId, { stage: 'countersigned' });
      return 'go on';
    }
    if (answer.code === 'unavailable')
      return this.#retryOrGiveUp(release, {
        code: 'control-unavailable',
        message: answer.message,
        device: { deviceId },
      });
    this.#tell(requestId, deviceId, { stage: 'control-refused', code: answer.code, detail: answer.message });
    await this.#finish(
      release,
      { code: `control-${answer.code}`, message: answer.message, device: { deviceId } },
      undefined,
    );
    return undefined;
  }

  /** Tells the control what was called off, until it has recorded it. */
  async #revoke(request: CancelRequest): Promise<Next> {
    const { toRevoke, ...told } = request;
    if (toRevoke === undefined) return undefined;
    const answer = await this.#o.control.revoke({ authorisation: octetsOf(toRevoke) });
    if (!answer.ok && answer.code === 'unavailable') return this.#retry(request.requestId);
    // A control that does not believe the Supplier's signature would not countersign it either.
    await this.#o.store.transact(() => ({ changes: [{ kind: 'request', value: told }], value: undefined }));
    this.#forget(request.requestId);
    return undefined;
  }

  async #forward(release: ReleaseRequest): Promise<Next | 'go on'> {
    const image = await this.#image(release);
    if (image === undefined) return undefined;
    this.#tell(release.requestId, release.deviceId, { stage: 'forwarding' });
    const spoken = await this.#speak(release, image, undefined, release.executionAtMs);
    if (spoken.kind === 'done') {
      await this.#toStage(release, 'sealed', spoken.meter);
      return 'go on';
    }
    return this.#unlessDone(release, spoken);
  }

  /** @param isFirst - Nothing was sent yet, so the image may be given again should the meter have lost it. */
  async #activate(release: ReleaseRequest, isFirst: boolean): Promise<Next | 'go on'> {
    const image = isFirst ? await this.#image(release) : undefined;
    if (isFirst && image === undefined) return undefined;
    this.#tell(release.requestId, release.deviceId, { stage: 'activating' });
    const spoken = await this.#speak(release, image, octetsOf(release.countersigned ?? ''));
    if (spoken.kind !== 'done') return this.#unlessDone(release, spoken);
    const { device, meter } = spoken;
    const message =
      spoken.what === 'already-running' ? 'the image was running already' : 'the image runs and is confirmed';
    const result: Result =
      device.attested === true
        ? { code: 'success', message, device }
        : { code: 'success-unattested', message: `${message}, says the meter; ${NOT_ATTESTED}`, device };
    await this.#finish(release, result, meter);
    return undefined;
  }

  async #unlessDone(release: ReleaseRequest, spoken: Exclude<Spoken, { kind: 'done' }>): Promise<Next | 'go on'> {
    // The due time or a cancellation ended the conversation: the state says which.
    if (this.#stop.signal.aborted) return undefined;
    const { requestId, executionAtMs, stage } = release;
    const { code, message, device } = spoken;
    if (this.#o.store.state.pending.get(requestId) === undefined) return undefined;
    if (spoken.kind === 'failed') {
      await this.#finish(release, { code, message, device }, spoken.meter);
      return undefined;
    }
    if (stage === 'forwarding' && executionAtMs !== undefined) return this.#retry(requestId, executionAtMs);
    return this.#retryOrGiveUp(release, { code, message, device });
  }

  async #retryOrGiveUp(release: ReleaseRequest, result: Result): Promise<Next> {
    const untilMs = (release.executionAtMs ?? release.atMs) + this.#o.settings.releaseMsMax;
    if (this.#o.clock.nowMs() < untilMs) return this.#retry(release.requestId, untilMs);
    await this.#finish(release, result, undefined);
    return undefined;
  }

  async #notActioned(release: ReleaseRequest, message: string): Promise<undefined> {
    await this.#finish(release, { code: 'not-actioned', message, device: { deviceId: release.deviceId } }, undefined);
  }

  async #readVersion(request: ReadRequest): Promise<Next> {
    const { requestId, atMs } = request;
    if (this.#o.store.state.entriesOf.has(requestId)) return undefined;
    const spoken = await this.#speak(request, undefined, undefined);
    if (this.#stop.signal.aborted) return undefined;
    const isLate = this.#o.clock.nowMs() - atMs >= this.#o.settings.releaseMsMax;
    if (spoken.kind === 'again' && !isLate) return this.#retry(requestId, atMs + this.#o.settings.releaseMsMax);
    const result: Result =
      spoken.kind === 'done'
        ? {
            code: 'success',
            message: `the version that the meter runs${spoken.device.attested === true ? '' : `; ${NOT_ATTESTED}`}`,
            device: spoken.device,
          }
        : { code: spoken.code, message: spoken.message, device: spoken.device };
    await this.#answerRead(request, result, spoken.kind === 'again' ? undefined : spoken.meter);
    return undefined;
  }

  async #answerRead(request: ReadRequest, result: Result, meter: MeterRecord | undefined): Promise<void> {
    await this.#o.store.transact((state) => ({
      changes: [
        entryOf(state, request, result, this.#o.clock.nowMs()),
        ...(meter === undefined ? [] : [{ kind: 'meter', value: meter } as const]),
      ],
      value: undefined,
    }));
    this.#forget(request.requestId);
    this.#tell(request.requestId, request.deviceId, { stage: 'answered', code: result.code });
  }

  async #speak(
    request: { readonly requestId: string; readonly deviceId: string },
    image: SendableImage | undefined,
    authorisation: Uint8Array | undefined,
    endAtMs?: number,
  ): Promise<Spoken> {
    const { requestId, deviceId } = request;
    const { inventory, links, crypto, clock, ratePerLink, linkTime } = this.#o;
    const device = inventory.devices.get(deviceId);
    if (device === undefined) {
      const message = `device ${deviceId} is not in the inventory any more`;
      return { kind: 'failed', code: 'device-unknown', message, device: { deviceId }, meter: undefined };
    }
    const talk = new AbortController();
    this.#talking.set(requestId, talk);
    const cancel = endAtMs === undefined ? undefined : clock.at(endAtMs, () => talk.abort());
    try {
      return await speak({
        device,
        links,
        crypto,
        image,
        authorisation,
        octetsPerSecond: ratePerLink,
        time: linkTime,
        signal: AbortSignal.any([talk.signal, this.#stop.signal]),
        tell: (event) => this.#tell(requestId, deviceId, event),
        nowMs: () => clock.nowMs(),
      });
    } finally {
      cancel?.();
      this.#talking.delete(requestId);
    }
  }

  /** The image, read and checked at send; a release whose image is gone or spoilt is answered so, and undefined returned. */
  async #image(release: ReleaseRequest): Promise<SendableImage | undefined> {
    const { imageId, deviceId } = release;
    const known = this.#images.get(imageId);
    if (known !== undefined) return known;
    const image = this.#o.store.state.images.get(imageId);
    if (image === undefined) {
      await this.#finish(
        release,
        { code: 'image-gone', message: 'the image is not held any more; send it again', device: { deviceId } },
        undefined,
      );
      return undefined;
    }
    const spoilt = async (why: string): Promise<undefined> => {
      const message = `the image at rest does not pass its checks and was not sent: ${why}`;
      await this.#finish(release, { code: 'image-corrupt', message, device: { deviceId } }, undefined);
    };
    try {
      const checked = runTask(
        sendableImage(image, (at) => this.#o.store.readPart(at), this.#o.trust),
        this.#o.crypto,
      );
      if (!checked.ok) return await spoilt(checked.fault.detail);
      if (this.#images.size >= READY_IMAGES_MAX) this.#images.delete([...this.#images.keys()][0] ?? '');
      this.#images.set(imageId, checked.value);
      return checked.value;
    } catch (error) {
      if (error instanceof DcoError && error.code === 'storage-corrupt') return spoilt(error.message);
      throw error;
    }
  }

  /** False when the request was called off meanwhile. */
  async #toStage(release: ReleaseRequest, stage: ReleaseStage, meter?: MeterRecord): Promise<boolean> {
    const isDone = await this.#commit(release, () => [
      { kind: 'request', value: { ...release, stage } },
      ...(meter === undefined ? [] : [{ kind: 'meter', value: meter } as const]),
    ]);
    if (isDone && stage === 'sealed') this.#tell(release.requestId, release.deviceId, { stage: 'sealed' });
    if (isDone) this.#tries.delete(release.requestId);
    return isDone;
  }

  async #finish(release: ReleaseRequest, result: Result, meter: MeterRecord | undefined): Promise<void> {
    const isAnswered = await this.#commit(release, (state) => [
      { kind: 'request', value: { ...release, stage: 'done' } },
      entryOf(state, release, result, this.#o.clock.nowMs()),
      ...(meter === undefined ? [] : [{ kind: 'meter', value: meter } as const]),
    ]);
    this.#forget(release.requestId);
    if (isAnswered)
      this.#tell(release.requestId, release.deviceId, { stage: 'answered', code: result.code, detail: result.message });
  }

  /** Commits unless the release has ended meanwhile; says whether it did. */
  #commit(release: ReleaseRequest, changes: (state: StoreState) => readonly Change[]): Promise<boolean> {
    return this.#o.store.transact((state) =>
      state.pending.has(release.requestId) ? { changes: changes(state), value: true } : { changes: [], value: false },
    );
  }

  #tell(requestId: string, deviceId: string, event: Omit<StageEvent, 'atMs' | 'requestId' | 'deviceId'>): void {
    this.#o.bus.tell({ ...event, atMs: this.#o.clock.nowMs(), requestId, deviceId });
  }
}

const NOT_ATTESTED = 'its key is not in the inventory, so nobody can vouch for it';

function octetsOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}
