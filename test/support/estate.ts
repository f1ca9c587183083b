/** Keys, a package of a real image and an authorisation for one meter, made with the command line as a user would; and the processes of a journey. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Child } from './child.js';
import { uBootPath, type UBoot } from './firmware.js';
import { eventOf, finished, smets1 } from './smets1.js';

export const DEVICE_ID = '00-DB-12-34-56-78-90-A0';
export const ORIGINATOR = '90-B3-D5-1F-30-01-00-00';

export interface ServedDco {
  readonly dco: Child;
  readonly url: string;
  /** How a command reaches it. */
  readonly to: readonly string[];
}

export interface Estate {
  readonly directory: string;
  path(name: string): string;
  key(role: string): string;
  publicKey(role: string): string;
  /** `--trust` options of manufacturer and supplier. */
  readonly trust: readonly string[];
  /** Writes `NAME.s1pk` of a raw firmware file. */
  build(name: string, firmwarePath: string, version: string, counter?: number): Promise<string>;
  /** Writes an authorisation, countersigned unless said; gives its path. */
  authorise(packagePath: string, counter: number, countersigned?: boolean): Promise<string>;
  /** Runs the command; a process that still lives at the end is ended with the estate. */
  start(...args: readonly string[]): Child;
  /** A DCO over the store of this estate, with the meters of `meters.json`, once it can be asked. */
  serveDco(...more: readonly string[]): Promise<ServedDco>;
  /** Ends what was started, and takes the files away. */
  end(): Promise<void>;
}

export async function estate(): Promise<Estate> {
  const directory = mkdtempSync(join(tmpdir(), 'smets1-journey-'));
  const running: Child[] = [];
  const path = (name: string): string => join(directory, name);
  const key = (role: string): string => path(`keys/${role}.key.pem`);
  const publicKey = (role: string): string => path(`keys/${role}.pub.pem`);
  const trust = [
    '--trust',
    `manufacturer=${publicKey('manufacturer')}`,
    '--trust',
    `supplier=${publicKey('supplier')}`,
  ];
  const start = (...args: readonly string[]): Child => {
    const started = smets1(...args);
    running.push(started);
    return started;
  };
  await finished(smets1('keygen', path('keys')));
  return {
    directory,
    path,
    key,
    publicKey,
    trust,
    async build(name, firmwarePath, version, counter) {
      const ota = path(`${name}.ota`);
      const out = path(`${name}.s1pk`);
      const identity = [
        '--manufacturer',
        '121D',
        '--image-type',
        '0001',
        '--version',
        version,
        '--hardware',
        '1111..1211',
      ];
      await finished(smets1('image', 'build', firmwarePath, '--out', ota, ...identity, '--key', key('supplier')));
      const counted = counter === undefined ? [] : ['--counter', String(counter)];
      await finished(
        smets1(
          'package',
          'build',
          ota,
          '--key',
          key('manufacturer'),
          ...counted,
          '--block-bytes',
          '4096',
          '--out',
          out,
        ),
      );
      return out;
    },
    async authorise(packagePath, counter, countersigned = true) {
      const signed = `${packagePath}.${counter}.signed`;
      const both = `${packagePath}.${counter}.countersigned`;
      const whom = ['--device-id', DEVICE_ID, '--originator', ORIGINATOR, '--counter', String(counter)];
      await finished(
        smets1('authorise', 'sign', '--package', packagePath, ...whom, '--key', key('supplier'), '--out', signed),
      );
      if (!countersigned) return signed;
      const trusted = ['--trust', `supplier=${publicKey('supplier')}`];
      await finished(smets1('authorise', 'countersign', signed, '--key', key('dco'), ...trusted, '--out', both));
      return both;
    },
    start,
    async serveDco(...more) {
      const store = ['--store', path('store'), '--inventory', path('meters.json'), '--key', key('dco')];
      const dco = start('dco', 'serve', ...store, ...trust, ...more, '--json');
      const url = String((await eventOf(dco, ({ event }) => event === 'ready'))['url']);
      return { dco, url, to: ['--to', url, '--token-file', path('store.token')] };
    },
    async end() {
      for (const each of running) each.kill();
      await Promise.all(running.map(({ ended }) => ended));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A package of Debian's image. */
export function buildUBoot(of: Estate, machine: UBoot, version: string): Promise<string> {
  return of.build(machine, uBootPath(machine), version);
}

/** A small firmware file of octets that its seed makes. */
export function smallFirmware(of: Estate, name: string, bytes: number, seed: number): string {
  const path = of.path(name);
  writeFileSync(
    path,
    Uint8Array.from({ length: bytes }, (_, i) => (Math.imul(i + seed, 2_654_435_761) >>> 13) & 0xff),
  );
  return path;
}
