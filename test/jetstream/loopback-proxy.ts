/** A line on loopback that can be cut without a word, slowed down, or hung up. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface LoopbackProxy {
  readonly port: number;
  /** Octets that went through, both ways. */
  readonly passedBytes: number;
  /** From now on nothing passes and nobody is told: what is sent waits, as in a network that is down. */
  cut(): void;
  /** What waited goes on its way. */
  heal(): void;
  /** What is sent from now on arrives so much later. */
  delay(ms: number): void;
  /** Hangs up every connection, and refuses new ones until `accept`. */
  hangUp(): void;
  accept(): void;
  close(): Promise<void>;
}

export async function loopbackProxy(targetPort: number): Promise<LoopbackProxy> {
  const proxy = new Proxy(targetPort);
  await proxy.listen();
  return proxy;
}

class Proxy implements LoopbackProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #waiting: (() => void)[] = [];
  #isCut = false;
  #isRefusing = false;
  #delayMs = 0;
  passedBytes = 0;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((socket) => this.#join(socket));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    this.#isCut = true;
  }

  heal(): void {
    this.#isCut = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const pass of waiting) pass();
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  hangUp(): void {
    this.#isRefusing = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  accept(): void {
    this.#isRefusing = false;
  }

  async close(): Promise<void> {
    this.hangUp();
    for (const timer of this.#timers) clearTimeout(timer);
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket): void {
    if (this.#isRefusing) {
      near.destroy();
      return;
    }
    const far = connect(this.#targetPort, '127.0.0.1');
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined); // its close follows
    }
    this.#pipe(near, far);
    this.#pipe(far, near);
  }

  #pipe(from: Socket, to: Socket): void {
    from.on('data', (octets) => {
      this.#pass(() => {
        this.passedBytes += octets.length;
        to.write(octets);
      });
    });
    from.on('close', () => {
      this.#sockets.delete(from);
      // Whoever is behind a cut does not hear of that either.
      this.#pass(() => to.destroy());
    });
  }

  #pass(run: () => void): void {
    if (this.#isCut) {
      this.#waiting.push(run);
    } else if (this.#delayMs > 0) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        run();
      }, this.#delayMs);
      this.#timers.add(timer);
    } else {
      run();
    }
  }
}
