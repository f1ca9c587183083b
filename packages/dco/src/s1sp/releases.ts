/**
 * From an admitted 11.2 or 11.3 to its response. Each step is durable before the next begins, so a crash at any moment is continued where
 * it stopped: requested → forwarding (countersigned, and counted when the image is large) → sealed → activating → done. A large image for
 * which the day has no capacity waits in `requested`.
 */
import type { TimePort } from '@smets1/host';
import type { CryptoPort, SendableImage, TrustAnchors } from '@smets1/protocol';
import type { Clock } from '../clock.js';
import type { ControlPort } from '../control-port.js';
import { isStorageError } from '../error.js';
import type { Answer } from '../error.js';
import type { EventBus, StageEvent } from '../events.js';
import type { Inventory } from '../inventory.js';
import type { MeterLinks } from '../meter-links.js';
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
import type { Decision, Store } from '../store/store.js';
import { admitActivation, admitRead } from './admission.js';
import type { Activation, Admitted } from './admission.js';
import { CapacityGate } from './capacity-gate.js';
import type { CapacityWait } from './capacity-gate.js';
import type { Spoken } from './conversation.js';
import { openLanes } from './lanes.js';
import type { Lanes } from './lanes.js';
import { ReadyImages } from './ready-images.js';
import { entryOf } from './release-entry.js';
import type { Result } from './release-entry.js';
import { Retries } from './retries.js';
import type { Look } from './retries.js';
import { Talks } from './talks.js';
import type { Talk } from './talks.js';

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
  /** Who waits for the day's capacity and why; to be told when something about it was agreed. */
  readonly capacity: Pick<CapacityGate, 'waitOf' | 'waitingCount' | 'askedByUser' | 'giveAnew'>;
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
type Next = Look | undefined;

class RunningReleases implements Releases {
  readonly #o: ReleaseOptions;
  readonly #lanes: Lanes;
  readonly #talks: Talks;
  readonly #retries: Retries;
  readonly #images: ReadyImages;
  readonly capacity: CapacityGate;

  constructor(options: ReleaseOptions) {
    this.#o = options;
    const { store, crypto, trust, settings, clock } = options;
    this.#lanes = openLanes(settings.deliveriesMax);
    this.#talks = new Talks(options);
    this.#retries = new Retries(settings, clock);
    this.#images = new ReadyImages(store, crypto, trust);
    this.capacity = new CapacityGate({
      state: () => store.state,
      settings,
      clock,
      go: (requestId) => {
        const deviceId = store.state.pending.get(requestId)?.deviceId;
        if (deviceId !== undefined) this.#enqueue(requestId, deviceId);
      },
    });
  }

  get busyCount(): number {
    return this.#lanes.count;
  }

  resume(): void {
    const { state } = this.#o.store;
    // All first: an incident may put the last of them before the others.
    for (const request of state.pending.values())
      if (!this.capacity.add(request)) this.#enqueue(request.requestId, request.deviceId);
    this.capacity.turn();
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
    this.#talks.stop();
    this.capacity.close();
    this.#retries.stop();
    await this.#lanes.close();
  }

  #door(): Parameters<typeof admitActivation>[0] {
    const { store, crypto, trust, inventory, settings, clock } = this.#o;
    return { store, crypto, trust, inventory, settings, nowMs: () => clock.nowMs() };
  }

  #admitted({ requestId, cancelled }: Admitted, deviceId: string): void {
    if (cancelled === undefined) {
      this.#tell(requestId, deviceId, { stage: 'requested' });
      const release = this.#o.store.state.pending.get(requestId);
      if (release === undefined || !this.capacity.add(release)) return this.#enqueue(requestId, deviceId);
      this.capacity.turn();
      const wait = this.capacity.waitOf(requestId);
      if (wait !== undefined) this.#tell(requestId, deviceId, { stage: 'waiting-capacity', detail: detailOf(wait) });
      return;
    }
    this.#tell(cancelled, deviceId, { stage: 'cancelled', detail: `by ${requestId}` });
    this.#forget(cancelled);
    this.#talks.end(cancelled);
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
      if (next !== undefined && !this.#talks.isStopped) this.#later(requestId, deviceId, next);
    });
  }

  /** Storage that is full may have room again, and one that has failed is left to the next start; anything else is a defect of ours. */
  async #afterError(error: unknown, requestId: string, deviceId: string): Promise<Next> {
    if (this.#talks.isStopped) return undefined;
    if (isStorageError(error, 'storage-full')) {
      this.#tell(requestId, deviceId, { stage: 'storage-waiting', detail: error.message });
      return this.#retries.next(requestId);
    }
    this.#o.report(error);
    if (isStorageError(error, 'storage-failed') || isStorageError(error, 'closed')) return undefined;
    try {
      return await this.#defect(error, requestId, deviceId);
    } catch (again) {
      if (!isStorageError(again, 'storage-full')) this.#o.report(again);
      return this.#retries.next(requestId);
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
    else if (request?.srv === '11.3-cancel') return this.#retries.next(requestId);
    return undefined;
  }

  #later(requestId: string, deviceId: string, { atMs, isRetry }: Look): void {
    if (isRetry)
      this.#tell(requestId, deviceId, { stage: 'retry', detail: `in ${Math.round(atMs - this.#o.clock.nowMs())} ms` });
    this.#retries.at(requestId, atMs, () => this.#enqueue(requestId, deviceId));
  }

  #forget(requestId: string): void {
    this.#retries.forget(requestId);
    this.capacity.done(requestId);
  }

  async #advance(requestId: string): Promise<Next> {
    const request = this.#o.store.state.requests.get(requestId);
    if (request === undefined || this.#talks.isStopped) return undefined;
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
        switch (this.capacity.verdict(release)) {
          case 'go':
            return this.#askControl(release);
          case 'wait':
            return undefined;
          case 'late':
            return this.#notActioned(release, 'there was no capacity for its large image in time; ask again');
        }
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
    if (answer.ok) return this.#start(release, Buffer.from(answer.authorisation).toString('base64'));
    // Thresholds pass with time: a day's capacity of large images is more than the control consents to in an hour.
    if (answer.code === 'unavailable' || answer.code === 'rate')
      return this.#retryOrGiveUp(release, {
        code: `control-${answer.code}`,
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

  /** The release and the start that it takes of the day's capacity, in one commit: never counted twice, and never without its count. */
  async #start(release: ReleaseRequest, countersigned: string): Promise<'go on' | undefined> {
    const { requestId, deviceId, executionAtMs } = release;
    const began = await this.#o.store.transact((state): Decision<'yes' | 'no capacity' | 'ended'> => {
      if (state.pending.get(requestId)?.stage !== 'requested') return { changes: [], value: 'ended' };
      const nowMs = this.#o.clock.nowMs();
      const starts = this.capacity.countStart(state, release, nowMs);
      if (starts === undefined) return { changes: [], value: 'no capacity' };
      const message = 'authorised; activation waits for its date';
      const accepted: Result = { code: 'accepted', message, device: { deviceId } };
      return {
        changes: [
          { kind: 'request', value: { ...release, countersigned, stage: 'forwarding', startedAtMs: nowMs } },
          ...starts,
          ...(executionAtMs === undefined ? [] : [entryOf(state, release, accepted, nowMs)]),
        ],
        value: 'yes',
      };
    });
    if (began === 'no capacity') {
      this.capacity.giveAnew();
      return undefined;
    }
    if (began === 'yes') {
      this.capacity.done(requestId);
      this.#tell(requestId, deviceId, { stage: 'countersigned' });
    }
    return 'go on';
  }

  /** Tells the control what was called off, until it has recorded it. */
  async #revoke(request: CancelRequest): Promise<Next> {
    const { toRevoke, ...told } = request;
    if (toRevoke === undefined) return undefined;
    const answer = await this.#o.control.revoke({ authorisation: octetsOf(toRevoke) });
    if (!answer.ok && answer.code === 'unavailable') return this.#retries.next(request.requestId);
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
    if (this.#talks.isStopped) return undefined;
    const { requestId, executionAtMs, stage } = release;
    const { code, message, device } = spoken;
    if (this.#o.store.state.pending.get(requestId) === undefined) return undefined;
    if (spoken.kind === 'failed') {
      await this.#finish(release, { code, message, device }, spoken.meter);
      return undefined;
    }
    if (stage === 'forwarding' && executionAtMs !== undefined) return this.#retries.next(requestId, executionAtMs);
    return this.#retryOrGiveUp(release, { code, message, device });
  }

  async #retryOrGiveUp(release: ReleaseRequest, result: Result): Promise<Next> {
    const fromMs =
      release.executionAtMs ?? release.startedAtMs ?? this.capacity.turnAtMs(release.requestId) ?? release.atMs;
    const untilMs = fromMs + this.#o.settings.releaseMsMax;
    if (this.#o.clock.nowMs() < untilMs) return this.#retries.next(release.requestId, untilMs);
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
    if (this.#talks.isStopped) return undefined;
    const isLate = this.#o.clock.nowMs() - atMs >= this.#o.settings.releaseMsMax;
    if (spoken.kind === 'again' && !isLate) return this.#retries.next(requestId, atMs + this.#o.settings.releaseMsMax);
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

  #speak(
    { requestId, deviceId }: { readonly requestId: string; readonly deviceId: string },
    image: SendableImage | undefined,
    authorisation: Uint8Array | undefined,
    endAtMs?: number,
  ): Promise<Spoken> {
    const tell: Talk['tell'] = (event) => this.#tell(requestId, deviceId, event);
    return this.#talks.hold({ requestId, deviceId, image, authorisation, endAtMs, tell });
  }

  /** The image; a release whose image is gone or spoilt is answered so, and undefined returned. */
  async #image(release: ReleaseRequest): Promise<SendableImage | undefined> {
    const ready = this.#images.get(release.imageId);
    if (ready.ok) return ready.image;
    const { code, message } = ready;
    await this.#finish(release, { code, message, device: { deviceId: release.deviceId } }, undefined);
    return undefined;
  }

  /** False when the request was called off meanwhile. */
  async #toStage(release: ReleaseRequest, stage: ReleaseStage, meter?: MeterRecord): Promise<boolean> {
    const isDone = await this.#commit(release, () => [
      { kind: 'request', value: { ...release, stage } },
      ...(meter === undefined ? [] : [{ kind: 'meter', value: meter } as const]),
    ]);
    if (isDone && stage === 'sealed') this.#tell(release.requestId, release.deviceId, { stage: 'sealed' });
    if (isDone) this.#retries.begin(release.requestId);
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

function detailOf({ because, untilMs }: CapacityWait): string {
  return untilMs === undefined ? because : `${because}, until ${new Date(untilMs).toISOString()} at the earliest`;
}

function octetsOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}
