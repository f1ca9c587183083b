import { describe, expect, it } from 'vitest';
import { Inbox } from './inbox.js';

const microtasks = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

describe('the inbox every link shares', () => {
  it('keeps the order when octets come between setting the handler and its first call', async () => {
    const inbox = new Inbox();
    const seen: number[] = [];
    inbox.deliver(Uint8Array.of(1));
    inbox.onReceive((octets) => void seen.push(octets[0]!));
    inbox.deliver(Uint8Array.of(2));
    await microtasks();
    inbox.deliver(Uint8Array.of(3));
    expect(seen).toEqual([1, 2, 3]);
  });

  it('calls no handler from inside the call that sets it', () => {
    const inbox = new Inbox();
    inbox.deliver(Uint8Array.of(1));
    inbox.end({ kind: 'remote', detail: 'gone' });
    let calls = 0;
    inbox.onReceive(() => calls++);
    inbox.onClose(() => calls++);
    expect(calls).toBe(0);
  });

  it('lets the first reason stand', async () => {
    const inbox = new Inbox();
    inbox.end({ kind: 'remote', detail: 'gone' });
    inbox.end({ kind: 'local' });
    const seen: string[] = [];
    inbox.onClose((reason) => void seen.push(reason.kind));
    await microtasks();
    expect(seen).toEqual(['remote']);
  });

  it('gives nothing more to whoever closed', async () => {
    const inbox = new Inbox();
    inbox.deliver(Uint8Array.of(1));
    inbox.end({ kind: 'local' });
    inbox.deliver(Uint8Array.of(2));
    let calls = 0;
    inbox.onReceive(() => calls++);
    await microtasks();
    expect(calls).toBe(0);
  });

  it('holds again once a full inbox was emptied', async () => {
    const inbox = new Inbox();
    for (let i = 0; i < 15; i++) expect(inbox.deliver(new Uint8Array(60_000))).toBeUndefined();
    let bytes = 0;
    inbox.onReceive((octets) => (bytes += octets.length));
    await microtasks();
    expect(bytes).toBe(900_000);
    for (let i = 0; i < 15; i++) expect(inbox.deliver(new Uint8Array(60_000))).toBeUndefined();
    expect(bytes).toBe(1_800_000);
  });

  it('bounds empty messages as well', () => {
    const inbox = new Inbox();
    let error;
    for (let i = 0; i < 100_000 && error === undefined; i++) error = inbox.deliver(new Uint8Array(0));
    expect(error).toMatchObject({ code: 'too-large' });
  });
});
