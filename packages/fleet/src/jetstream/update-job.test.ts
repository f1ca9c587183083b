/** Goal: what a queue brings is a job that somebody permitted, or it is none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRecord, encodeRecord, waitingRecord } from './job-record.js';
import { deviceIdOf, permit, testJob, testKeys, testPackage } from './test-jobs.test-support.js';
import { decodeJob, encodeJob, updateJobOf } from './update-job.js';

const keys = testKeys();
const packageOctets = testPackage(keys, 2, 1_000);
const job = testJob(keys, packageOctets);

describe('a job', () => {
  it('comes out of a message as it went in', () => {
    const read = decodeJob(encodeJob(job, 4));
    expect(read).toEqual({ ok: true, job, round: 4 });
    const record = waitingRecord(job, 4, 17);
    expect(decodeRecord(encodeRecord(record), 'k')).toEqual(record);
  });

  it('is refused with anything in it changed', () => {
    const text = new TextDecoder().decode(encodeJob(job, 0));
    let refused = 0;
    const property = fc.property(
      fc.nat({ max: text.length - 1 }),
      fc.constantFrom('0', 'F', '"', '}', '\\', 'ä'),
      (at, octet) => {
        const changed = text.slice(0, at) + octet + text.slice(at + 1);
        const read = decodeJob(new TextEncoder().encode(changed));
        if (!read.ok) refused += 1;
        // What still reads names the same meter and image as the permission in it: signatures are the meter's to check.
        else expect([read.job.deviceId, read.job.imageHash]).toEqual([job.deviceId, job.imageHash]);
      },
    );
    fc.assert(property, { numRuns: 500 });
    expect(refused).toBeGreaterThan(100);
  });

  it('is none, whatever noise stands for it', () => {
    const isNone = (octets: Uint8Array): void => {
      expect(decodeJob(octets).ok).toBe(false);
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), isNone));
    fc.assert(fc.property(fc.json(), (json) => isNone(new TextEncoder().encode(json))));
    expect(decodeJob(new Uint8Array(5_000)).ok).toBe(false);
  });

  it.each([
    ['another device', { deviceId: '00-DB-12-34-56-78-00-02' }],
    ['another image', { imageHash: '00'.repeat(32) }],
    ['a campaign with a dot', { campaignId: 'a.b' }],
    ['a site with a star', { site: '*' }],
    ['a device in lower case', { deviceId: job.deviceId.toLowerCase() }],
    ['an authorisation that lacks its countersignature', { authorisation: job.authorisation.slice(0, 224) }],
  ])('is refused with %s', (_, change) => {
    expect(decodeJob(encodeJob({ ...job, ...change }, 0))).toMatchObject({ ok: false });
  });

  it('is not made for another package, without countersignature or under a name that no queue can carry', () => {
    const authorisation = permit(keys, packageOctets, deviceIdOf(1), 1n);
    const wish = { campaignId: 'spring', site: 'main', packageOctets, authorisation };
    expect(updateJobOf(wish)).toEqual(job);
    const broken: readonly (readonly [Partial<typeof wish>, string])[] = [
      [{ packageOctets: testPackage(keys, 3, 1_000) }, 'misuse'],
      [{ packageOctets: packageOctets.subarray(0, 900) }, 'package-format'],
      [{ authorisation: authorisation.subarray(0, 168) }, 'misuse'],
      [{ authorisation: authorisation.subarray(0, 100) }, 'misuse'],
      [{ campaignId: 'spring 2027' }, 'misuse'],
      [{ campaignId: 'x'.repeat(65) }, 'misuse'],
    ];
    for (const [change, code] of broken)
      expect(() => updateJobOf({ ...wish, ...change })).toThrow(expect.objectContaining({ code }) as Error);
  });
});

describe('a record', () => {
  it.each(['', '{}', '[]', '{"job":1}', 'null'])('that reads %s is no record, and the way out is named', (text) => {
    expect(() => decodeRecord(new TextEncoder().encode(text), 'spring.x.y')).toThrow(
      expect.objectContaining({
        code: 'record-format',
        message: expect.stringContaining('remove it, and enter the job again') as string,
      }) as Error,
    );
  });
});
