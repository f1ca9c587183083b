/**
 * Goal: no meter is spoken to unless the second party has looked for itself and agreed, and each thing that it finds has its code.
 * Method: whole releases with a countersigner that differs in one respect, and the countersigner alone.
 */

import { describe, expect, it } from 'vitest';
import {
  authorisationFor,
  benchImage,
  crypto,
  deviceId,
  foreignSigner,
  idOctets,
  requestId,
  signer,
  trust,
  until,
} from '../bench.test-support.js';
import type { BenchImage } from '../bench.test-support.js';
import { openCountersigner } from './countersigner.js';
import { acceptanceName, trustFingerprint } from './pinned-trust.js';
import { fakeMeter } from '../fake-meter.test-support.js';
import type { ImageState } from '../store/state.js';
import { takePart } from '../store/intake.js';

import { answered, entries, image, newer, POLICY, start } from '../release-bench.test-support.js';
import type { Around, Ask, Bench } from '../release-bench.test-support.js';

describe('dual control', () => {
  const refusals: readonly (readonly [
    string,
    Around,
    Ask & { readonly before?: (bench: Bench) => Promise<void> },
    string,
  ])[] = [
    [
      'a role that may not',
      { policy: { users: [{ originator: requestId(1).split(':')[0]!, role: 'GS' }] } },
      {},
      'control-role',
    ],
    ['a user that it does not know', { policy: { users: [] } }, {}, 'control-role'],
    [
      'more than the threshold of an hour for too long',
      { policy: { perHourMax: 0 }, settings: { releaseMsMax: 0 } },
      {},
      'control-rate',
    ],
    [
      'more than the threshold of a day for too long',
      { policy: { perDayMax: 0 }, settings: { releaseMsMax: 0 } },
      {},
      'control-rate',
    ],
    [
      'a version that nobody knows, where policy wants it known',
      { policy: { requireKnownVersion: true } },
      {},
      'control-version',
    ],
    [
      'an instructing side that changes the device',
      {
        control: (real) => ({ ...real, countersign: (asked) => real.countersign({ ...asked, deviceId: deviceId(2) }) }),
      },
      {},
      'control-device',
    ],
    [
      'one that changes the hash',
      {
        control: (real) => ({
          ...real,
          countersign: (asked) => real.countersign({ ...asked, firmwareHash: '00'.repeat(32) }),
        }),
      },
      {},
      'control-hash',
    ],
    [
      'one that brings an authorisation that no Supplier signed',
      {
        control: (real) => ({
          ...real,
          countersign: (asked) =>
            real.countersign({ ...asked, authorisation: authorisationFor(image, deviceId(1), 1, {}, foreignSigner) }),
        }),
      },
      {},
      'control-signature',
    ],
    [
      'one that brings none',
      {
        control: (real) => ({
          ...real,
          countersign: (asked) => real.countersign({ ...asked, authorisation: new Uint8Array(7) }),
        }),
      },
      {},
      'control-malformed',
    ],
  ];
  it.each(refusals)('refuses %s', async (_, around, ask, code) => {
    const bench = await start(around);
    expect((await bench.activate(1, 1, ask)).ok).toBe(true);
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual([`response ${code}`]);
    expect(bench.links.opened).toEqual([]);
    expect(bench.meters[0]!.storedBlocks).toBe(0);
  });

  it('refuses a version on which the image may not stand, and hardware that it is not for, as far as they are known', async () => {
    const narrow = benchImage({ applicableFromMin: 0x00010005 });
    const bench = await start({ images: [narrow] });
    await bench.releases.read(requestId(10_050), deviceId(1));
    await answered(bench, 50);
    await bench.activate(1, 1, { image: narrow });
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response control-version']);

    const other = await start({ meters: [fakeMeter(1, { hardwareVersion: 0x2222 })] });
    await other.releases.read(requestId(10_050), deviceId(1));
    await answered(other, 50);
    await other.activate(1, 1);
    await answered(other, 1);
    expect(entries(other, 1)).toEqual(['response control-hardware']);
  });

  it('that has ended for the moment is asked again', async () => {
    let isAway = true;
    const bench = await start({
      control: (real) => ({
        ...real,
        countersign: (asked) =>
          isAway ? Promise.resolve({ ok: false, code: 'unavailable', message: 'away' }) : real.countersign(asked),
      }),
    });
    await bench.activate(1, 1);
    await until(() => bench.clock.ringing === 1, 'a pause');
    isAway = false;
    bench.clock.turnTo(bench.clock.nowMs() + 1000);
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response success']);
  });

  it('countersigns one authorisation for each counter of a device, and the very same one again', async () => {
    const bench = await start({ images: [image, newer] });
    const countersigner = await openCountersigner({
      files: bench.world.files,
      processes: bench.world.processes,
      storeDirectory: 'dco',
      controlDirectory: 'another',
      crypto,
      signer,
      trust,
      policy: POLICY,
      nowMs: () => 0,
    });
    const ask = (of: BenchImage, counter: number): Parameters<typeof countersigner.countersign>[0] => ({
      requestId: requestId(1),
      deviceId: deviceId(1),
      firmwareHash: Buffer.from(of.imageHash).toString('hex'),
      authorisation: authorisationFor(of, deviceId(1), counter),
    });
    const asked = ask(image, 5);
    const first = await countersigner.countersign(asked);
    expect(first.ok && first.authorisation.length).toBe(232);
    expect(await countersigner.countersign(asked)).toEqual(first);
    expect(await countersigner.countersign(ask(newer, 5))).toMatchObject({ ok: false, code: 'counter' });
    expect(await countersigner.countersign(ask(newer, 4))).toMatchObject({ ok: false, code: 'counter' });
    countersigner.close();
    bench.world.crash('power');
    const options = {
      storeDirectory: 'dco',
      controlDirectory: 'another',
      crypto,
      signer,
      trust,
      policy: POLICY,
      nowMs: () => 0,
    };
    const again = await openCountersigner({ files: bench.world.files, processes: bench.world.processes, ...options });
    expect(await again.countersign(ask(newer, 5))).toMatchObject({ ok: false, code: 'counter' });
    expect(await again.countersign(asked)).toEqual(first);
    expect(await again.countersign(ask(newer, 6))).toMatchObject({ ok: true });
    again.close();
  });

  it('records what was called off, and countersigns nothing up to it, not even what it countersigned before', async () => {
    const bench = await start({ images: [image] });
    const { files, processes } = bench.world;
    const options = { storeDirectory: 'dco', controlDirectory: 'another', crypto, signer, trust, policy: POLICY };
    const first = await openCountersigner({ files, processes, nowMs: () => 0, ...options });
    const ask = (counter: number, device = 1): Parameters<typeof first.countersign>[0] => ({
      requestId: requestId(1),
      deviceId: deviceId(device),
      firmwareHash: Buffer.from(image.imageHash).toString('hex'),
      authorisation: authorisationFor(image, deviceId(device), counter),
    });
    const asked = ask(5);
    expect(await first.countersign(asked)).toMatchObject({ ok: true });
    const unsigned = authorisationFor(image, deviceId(1), 9, {}, foreignSigner);
    expect(await first.revoke({ authorisation: unsigned })).toMatchObject({ ok: false, code: 'signature' });
    expect(await first.revoke({ authorisation: new Uint8Array(7) })).toMatchObject({ ok: false, code: 'malformed' });
    expect(await first.countersign(asked)).toMatchObject({ ok: true });
    expect(await first.revoke({ authorisation: asked.authorisation })).toEqual({ ok: true });
    expect(await first.revoke({ authorisation: authorisationFor(image, deviceId(1), 3) })).toEqual({ ok: true });
    expect(await first.countersign(asked)).toMatchObject({ ok: false, code: 'revoked' });
    first.close();
    bench.world.crash('power');
    const again = await openCountersigner({ files, processes, nowMs: () => 0, ...options });
    for (const counter of [4, 5])
      expect(await again.countersign(ask(counter))).toMatchObject({ ok: false, code: 'revoked' });
    expect(await again.countersign(ask(5, 2))).toMatchObject({ ok: true });
    expect(await again.countersign(ask(6))).toMatchObject({ ok: true });
    again.close();
  });

  it('keeps to the trust and policy of its first start until the owner of its directory agrees to others', async () => {
    const bench = await start({ images: [] });
    const { files, processes } = bench.world;
    const options = { storeDirectory: 'dco', controlDirectory: 'another', crypto, signer, trust, policy: POLICY };
    const open = async (changed: Partial<typeof options> = {}): Promise<void> => {
      const one = await openCountersigner({ files, processes, nowMs: () => 0, ...options, ...changed });
      one.close();
    };
    await open();
    await open({ policy: { ...POLICY } });
    const other = { trust: { ...trust, supplier: [...trust.supplier, ...trust.dco] } };
    const refused = { code: 'control-trust-changed', message: expect.stringContaining('another/accept-trust-') };
    await expect(open({ policy: { ...POLICY, perDayMax: POLICY.perDayMax + 1 } })).rejects.toMatchObject(refused);
    await expect(open({ policy: { ...POLICY, users: [] } })).rejects.toMatchObject(refused);
    await expect(open(other)).rejects.toMatchObject(refused);
    // Agreed to something else than what is told.
    files.createMark('another/accept-trust-00', '');
    await expect(open(other)).rejects.toMatchObject(refused);
    const name = acceptanceName(trustFingerprint(crypto, other.trust, POLICY));
    files.createMark(`another/${name}`, '');
    await open(other);
    await open(other);
    expect(files.list('another')).not.toContain(name);
    await expect(open()).rejects.toMatchObject(refused);
  });

  it('does not countersign for what it cannot see held and whole, whatever it is told', async () => {
    const bench = await start({ images: [] });
    const countersigner = await openCountersigner({
      files: bench.world.files,
      processes: bench.world.processes,
      storeDirectory: 'dco',
      controlDirectory: 'another',
      crypto,
      signer,
      trust,
      policy: POLICY,
      nowMs: () => 0,
    });
    const { intake } = bench;
    const ask = (): ReturnType<typeof countersigner.countersign> =>
      countersigner.countersign({
        requestId: requestId(1),
        deviceId: deviceId(1),
        firmwareHash: Buffer.from(image.imageHash).toString('hex'),
        authorisation: authorisationFor(image, deviceId(1), 1),
      });
    expect(await ask()).toMatchObject({ ok: false, code: 'not-held' });
    for (const [i, octets] of image.parts.slice(1).entries())
      await takePart(intake, { requestId: requestId(i), devices: [idOctets(deviceId(2))], octets });
    expect(await ask()).toMatchObject({ ok: false, code: 'not-held' });
    await takePart(intake, { requestId: requestId(9), devices: [idOctets(deviceId(2))], octets: image.parts[0]! });
    expect(await ask()).toMatchObject({ ok: false, code: 'not-listed' });
    // Somebody who can write the journal says `held` of an image that no trusted Supplier has signed.
    const { record } = await forge(bench);
    expect(record.status).toBe('held');
    const forged = countersigner.countersign({
      requestId: requestId(1),
      deviceId: deviceId(2),
      firmwareHash: Buffer.from(newer.imageHash).toString('hex'),
      authorisation: authorisationFor(newer, deviceId(2), 1),
    });
    expect(await forged).toMatchObject({ ok: false, code: 'not-held' });
    countersigner.close();
  });
});

/** Takes an image in as it should be, then puts another GBCS signature in its record. */
async function forge(bench: Bench): Promise<ImageState> {
  const { intake } = bench;
  for (const [i, octets] of newer.parts.entries()) {
    await takePart(intake, { requestId: requestId(50 + i), devices: [idOctets(deviceId(2))], octets });
  }
  const { record } = bench.store.state.images.get(newer.imageId)!;
  const gbcsSignatures = [Buffer.alloc(64, 7).toString('base64')];
  await bench.store.transact(() => ({
    changes: [{ kind: 'image', value: { ...record, gbcsSignatures } }],
    value: undefined,
  }));
  return bench.store.state.images.get(newer.imageId)!;
}
