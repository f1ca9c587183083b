/** What the house rules hold the tree against. A new package, pure folder or layout file is entered here and nowhere else. */

export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export const SCOPE = '@smets1/';

/** Which package may import which of ours: arrows point one way. `*` stands at the top of the house. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  dlms: [],
  smp: [],
  products: [],
  hardware: [],
  journal: [],
  'http-guard': [],
  emulator: ['protocol', 'dlms', 'smp'],
  host: ['protocol', 'hardware', 'journal'],
  esme: ['protocol', 'emulator', 'hardware', 'host'],
  duis: ['protocol'],
  dco: ['protocol', 'duis', 'products', 'journal', 'host', 'http-guard'],
  campaign: ['products', 'journal'],
  fleet: ['protocol', 'emulator', 'journal', 'host', 'hardware', 'campaign', 'dco'],
  cli: ['*'],
  console: ['*'],
  test: ['*'],
};

/** Rooms of one package that must not know each other, in either direction. */
export const STRANGERS: readonly (readonly [string, string])[] = [
  ['packages/dco/src/s1sp/', 'packages/dco/src/control/'],
];

/** Modules that one room wraps for everybody else: the prefix is the only place that may import them. */
export const ONLY_IN: Readonly<Record<string, string>> = {
  '#buffer': 'protocol/src/layout/',
  '#crc32': 'protocol/src/layout/',
  buffer: 'protocol/src/layout/',
  'buffer-layout': 'protocol/src/layout/',
  crc: 'protocol/src/layout/',
  ws: 'hardware/src/websocket',
  '@serialport/stream': 'hardware/src/',
  '@serialport/bindings-cpp': 'hardware/src/',
};

/** Folders without clock, randomness, timers, or anything that Node or a browser adds to the language. */
export const PURE: readonly string[] = [
  'protocol/src/',
  'emulator/src/',
  'packages/campaign/src/',
  'packages/products/src/',
  'packages/dco/src/ledger/',
];

/** The named exceptions: one-line adapters behind a conditional import, which a browser build leaves out. */
export const PURE_ADAPTER = /^protocol\/src\/layout\/[a-z0-9-]+\.node\.ts$/;

/** Workspaces whose TypeScript project must not even see the types of Node or of a browser. */
export const PURE_PROJECTS: readonly string[] = ['protocol', 'emulator'];

/** Files that draw an octet layout: the width of a field there is the format itself, not a bound somebody chose. */
export const LAYOUT_FILES: readonly RegExp[] = [
  /^protocol\/src\/(layout|image|package|authorisation|frame|message)\//,
  /(^|[/-])(codec|format|layout)\.ts$/,
];

/** Longest file in a `src` folder. */
export const ROOM_LINES_MAX = 500;
