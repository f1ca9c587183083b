/** Goal: what only a real process shows: exit codes, streams, signals, what a start loads. Runs the built command. */
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testFolder } from './test-support/call.js';
import { makeRelease } from './test-support/release.js';
import { VERSION } from './version.js';

const SMETS1 = fileURLToPath(new URL('../bin/smets1.js', import.meta.url));
const folder = testFolder();
afterAll(folder.remove);

function smets1(args: readonly string[], env: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
  const { INIT_CWD: _, ...inherited } = process.env;
  return spawnSync(process.execPath, [SMETS1, ...args], {
    cwd: folder.path,
    encoding: 'utf8',
    env: { ...inherited, ...env },
  });
}

beforeAll(async () => {
  await makeRelease(folder.path, { bytes: 300_000 });
});

describe('smets1', () => {
  it('explains itself, each command with an example', () => {
    const help = smets1(['--help']);
    expect(help.status).toBe(0);
    for (const name of [
      'demo',
      'keygen',
      'image',
      'package',
      'authorise',
      'emulate',
      'flash',
      'flash-file',
      'dco',
      'read-version',
    ]) {
      expect(help.stdout).toContain(`  ${name} `);
    }
    expect(help.stdout).toContain('22 activation not authorised');
  });

  it('is of the version that its package says', () => {
    const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(VERSION).toBe(manifest.version);
    expect(smets1(['--version']).stdout.trim()).toBe(VERSION);
  });

  it.each([
    ['a command that is none', ['flsh'], 'did you mean'],
    ['an option that is none', ['flash', 'x', '--to', 'y', '--activte', 'z'], '--activate'],
    ['an option without its value', ['flash', 'x', '--to'], '--to'],
    ['a value that is none', ['flash', 'x', '--to', 'y', '--rate', 'fast'], 'whole number'],
    ['an argument that is missing', ['flash', '--to', 'y'], 'PACKAGE'],
  ])('ends with 2 for %s, and says what would do', (_, args, hint) => {
    const { status, stderr } = smets1(args);
    expect(status).toBe(2);
    expect(stderr).toContain(hint);
    expect(stderr).toContain('--help');
    const json = smets1([...args, '--json']);
    expect(json.status).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({ event: 'result', outcome: 'usage', exitCode: 2 });
  });

  it('never shows a stack, unless it is asked for', () => {
    const plain = smets1(['image', 'inspect', 'nix']);
    expect(plain.status).toBe(2);
    expect(plain.stderr).not.toContain('    at ');
  });

  it('finds relative paths from where npm was called', () => {
    mkdirSync(join(folder.path, 'elsewhere'));
    const called = spawnSync(process.execPath, [SMETS1, 'image', 'inspect', 'image.ota'], {
      cwd: join(folder.path, 'elsewhere'),
      encoding: 'utf8',
      env: { ...process.env, INIT_CWD: folder.path },
    });
    expect(called.status).toBe(0);
  });

  it('does not mind that nobody reads on, and does mind a report that cannot be written', () => {
    const head = spawnSync(
      'bash',
      ['-c', `"${process.execPath}" "${SMETS1}" package inspect package.s1pk | head -1; exit "\${PIPESTATUS[0]}"`],
      {
        cwd: folder.path,
        encoding: 'utf8',
        env: { ...process.env, INIT_CWD: folder.path },
      },
    );
    expect(head.status).toBe(0);
    expect(head.stderr).toBe('');
    const full = openSync('/dev/full', 'w');
    const lost = spawnSync(process.execPath, [SMETS1, 'package', 'inspect', 'package.s1pk', '--json'], {
      cwd: folder.path,
      stdio: ['ignore', full, 'pipe'],
      env: { ...process.env, INIT_CWD: folder.path },
    });
    closeSync(full);
    expect(lost.status).toBe(20);
  });

  it('loads for its help no package but the one that reads the line, and none of its own that does work', () => {
    const loaded = (...args: readonly string[]): readonly string[] => {
      // Of the engine's coverage, only the list of modules is of use here.
      const coverage = join(folder.path, `loaded-${args.join('-')}`);
      expect(smets1(args, { NODE_V8_COVERAGE: coverage }).status).toBe(0);
      const [report] = readdirSync(coverage);
      const { result } = JSON.parse(readFileSync(join(coverage, report!), 'utf8')) as { result: { url: string }[] };
      return result.map(({ url }) => url);
    };
    const isNeeded = (url: string): boolean =>
      /^node:|\/@stricli\/core\/|\/cli\/(bin\/|dist\/([\w-]+|(routes|flags|output)\/[\w-]+)\.js$)/.test(url);
    expect(loaded('--help').filter((url) => !isNeeded(url))).toEqual([]);
    // That the list would show them: this one does work.
    expect(loaded('package', 'inspect', 'package.s1pk').filter((url) => !isNeeded(url)).length).toBeGreaterThan(10);
  });
});

describe('a process that is killed', () => {
  it('loses nothing: meter and host resume, and re-send at most what was in flight', async () => {
    let meter = await emulate();
    const { child: host, lines: hostLines } = run([
      'flash',
      'package.s1pk',
      '--to',
      meter.url,
      '--rate',
      '200000',
      '--json',
    ]);
    for await (const line of hostLines) {
      const event = JSON.parse(line) as { event: string; durableBlocks?: number };
      if (event.event === 'progress' && (event.durableBlocks ?? 0) > 40) break;
    }
    host.kill('SIGKILL');
    meter.kill('SIGKILL');
    await meter.ended;
    meter = await emulate();
    const line = [
      'flash',
      'package.s1pk',
      '--to',
      meter.url,
      '--activate',
      'activate.auth',
      '--device-key',
      'keys/device.pub.pem',
    ];
    const resumed = smets1([...line, '--json']);
    expect(resumed.status).toBe(0);
    const result = JSON.parse(resumed.stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, number | string>;
    expect(result).toMatchObject({ outcome: 'activated', attested: true });
    expect(result['resumedFromBlocks']).toBeGreaterThan(40);
    expect(result['octetsResent']).toBeLessThanOrEqual(65_536 + 1_088);
    meter.kill('SIGTERM');
    expect(await meter.ended).toBe(0);
  });
});

describe('a bench', () => {
  const bash = (script: string): SpawnSyncReturns<string> =>
    spawnSync('bash', ['-c', script], {
      cwd: folder.path,
      encoding: 'utf8',
      env: {
        ...process.env,
        INIT_CWD: folder.path,
        EMULATE: `${process.execPath} ${SMETS1} emulate --trust keys --ws 127.0.0.1:0 --json`,
      },
    });

  /** Runs it until it is ready, and has had time to do what it was told; then ends it. */
  const until = (what: string, redirected: string): string =>
    `: > told; ${redirected} > told & until grep -q '${what}' told || ! kill -0 $!; do sleep 0.1; done; kill -TERM $!; wait $!; code=$?; cat told; exit $code`;

  it('does what a pipe says, and goes on when the pipe ends', () => {
    const { status, stdout } = bash(until('"command":"state"', 'printf "cut +1\\nstate\\n" | $EMULATE'));
    expect(status).toBe(0);
    expect(stdout).toContain('"awaits"');
    expect(stdout.trimEnd().split('\n').at(-1)).toContain('"outcome":"done"');
  });

  it.each([
    ['closed', '$EMULATE <&-'],
    ['of nobody', '$EMULATE < /dev/null'],
    ['only written to, as nohup makes it', '$EMULATE 0> /dev/null'],
    ['a directory', '$EMULATE < .'],
  ])('does not mind a standard input that is %s', (_, redirected) => {
    const { status, stdout, stderr } = bash(until('"event":"ready"', redirected));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n').at(-1)).toContain('"outcome":"done"');
  });
});

interface Emulated {
  readonly url: string;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<number | null>;
}

async function emulate(): Promise<Emulated> {
  const { child, lines } = run([
    'emulate',
    '--flash',
    'meter.flash',
    '--trust',
    'keys',
    '--ws',
    '127.0.0.1:0',
    '--json',
  ]);
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  for await (const line of lines) {
    const event = JSON.parse(line) as { event: string; ws?: string };
    if (event.event === 'ready') return { url: event.ws ?? '', kill: (signal) => void child.kill(signal), ended };
  }
  throw new Error('the meter did not start');
}

function run(args: readonly string[]): {
  readonly child: ReturnType<typeof spawn>;
  readonly lines: AsyncIterable<string>;
} {
  const child = spawn(process.execPath, [SMETS1, ...args], {
    cwd: folder.path,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, INIT_CWD: folder.path },
  });
  process.once('exit', () => child.kill('SIGKILL'));
  return { child, lines: createInterface({ input: child.stdout }) };
}
