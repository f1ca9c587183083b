import type { Command } from '@stricli/core';
import { examples, force, json } from '../flags/common.js';
import { instantS, listenAddress, loadWish, text, trustedKeyFile, wholeNumber } from '../flags/values.js';
import { RACK_METERS_MAX, SEED_MAX } from '../limits.js';
import type { CliContext } from '../shell.js';
import { command } from './command.js';

export const emulateCommand: Command<CliContext> = command(
  async () => (await import('../commands/emulate.js')).emulate,
  {
    parameters: {
      flags: {
        profile: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief:
            'Modelled family (plain, serial-nor, internal-ecc, parallel-nor, zero-erased, wide-granule), or a JSON file',
          placeholder: 'NAME|FILE',
        },
        printProfile: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief: 'Print a family as JSON, to be changed and given back with --profile, and end',
          placeholder: 'NAME',
        },
        flash: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief: 'File that holds the flash: made where it is not, and kept',
          placeholder: 'FILE',
        },
        ws: {
          kind: 'parsed',
          parse: listenAddress,
          optional: true,
          brief: 'Listen for WebSockets; port 0 lets the system choose',
          placeholder: 'HOST:PORT',
        },
        serial: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief: 'Sit on this serial device; where there is none, make a pseudo terminal with its far end there',
          placeholder: 'PATH',
        },
        seed: {
          kind: 'parsed',
          parse: wholeNumber(0, SEED_MAX),
          optional: true,
          brief: 'Of everything that is drawn; drawn itself, and printed, when not given',
          placeholder: 'N',
        },
        trust: {
          kind: 'parsed',
          parse: trustedKeyFile,
          variadic: true,
          optional: true,
          brief:
            'Keys of a new meter: a directory made by keygen, or ROLE=PEM for each role; made for it when not given',
          placeholder: 'DIR',
        },
        deviceKey: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief: 'Private key of the meter; device.key.pem of the directory when not given',
          placeholder: 'PEM',
        },
        tokenFile: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief: 'File with the token that WebSockets must show',
          placeholder: 'FILE',
        },
        load: {
          kind: 'parsed',
          parse: loadWish,
          optional: true,
          brief: 'What the home draws: household, a curve drawn from the seed; or as many watts, always',
          placeholder: 'household|WATTS',
        },
        loadCsv: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief:
            'What the home draws, over and over: time,import_wh and a line for each time (export_wh, import_w, export_w)',
          placeholder: 'FILE',
        },
        clock: {
          kind: 'enum',
          values: ['wall', 'virtual'],
          default: 'wall',
          brief: 'Time of the machine, or time that passes only when it is advanced',
        },
        start: {
          kind: 'parsed',
          parse: instantS,
          optional: true,
          brief: 'Where a virtual clock begins; 2026-01-01T00:00:00Z when not given',
          placeholder: 'INSTANT',
        },
        faults: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief: 'Fault script, JSON: see FAULT SCRIPTS below',
          placeholder: 'FILE',
        },
        control: {
          kind: 'parsed',
          parse: listenAddress,
          optional: true,
          brief: 'Listen on loopback for the control API: power, faults, time, snapshots',
          placeholder: 'HOST:PORT',
        },
        controlTokenFile: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief:
            'File with the token of the control API, made with mode 0600 where it is not; a temporary one when not given',
          placeholder: 'FILE',
        },
        meters: {
          kind: 'parsed',
          parse: wholeNumber(1, RACK_METERS_MAX),
          optional: true,
          brief: `Run so many meters at one WebSocket address, each at a path of its own; up to ${RACK_METERS_MAX}`,
          placeholder: 'N',
        },
        inventory: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief: 'With --meters: write their ids, addresses and public keys there, for smets1 dco serve --inventory',
          placeholder: 'FILE',
        },
        folder: {
          kind: 'parsed',
          parse: text,
          optional: true,
          brief: 'With --meters: keep the flash of each in a file of this folder, made where it is not',
          placeholder: 'DIR',
        },
        force,
        json,
      },
    },
    docs: {
      brief: 'Run a virtual meter',
      fullDescription: [
        'Starts a virtual SMETS1 electricity meter that can be flashed, and runs until it is interrupted. Without options it listens on a',
        'free WebSocket port and, where socat is installed, on a pseudo terminal; both are printed, with the keys made for it.',
        'With --flash it comes back after any end, also kill -9, with what its flash held.\n',
        'MANY METERS',
        '  With --meters each has an id and a key of its own and is at ws://HOST:PORT/meters/ID. There is no console, and no other clock than the',
        '  wall. With --folder they come back with what their flash held.\n',
        'CONSOLE',
        '  Lines on the standard input ask the bench, from a terminal or a pipe: help, state, cut 812 tear 3, power off, power on,',
        '  snapshot FILE, restore FILE, fork, advance 30m, log, quit. The control API does the same over HTTP (packages/cli/docs/CONTROL.md).',
        '  A meter whose power was cut stays without it until it is switched on.\n',
        'FAULT SCRIPTS',
        '  A list of { "atOperation": N | "inOperations": N | "atMs": N, "fault": FAULT }. FAULT is one of',
        '    { "kind": "cut", "phase": "before|during|after", "torn": OCTETS, "mode": "prefix|bits", "seed": N, "weak": true,',
        '      "neighbour": true, "powerOnAfterMs": 1000 }       power is lost at that flash operation; null: it stays away',
        '    { "kind": "power-off", "ms": N }                    off in order, and on again',
        '    { "kind": "break", "sector": N, "as": "program-fails|erase-fails|read-fails|program-lies|erase-lies" }',
        '    { "kind": "stick", "offsetBytes": N, "mask": 0..255, "value": 0..255 }',
        '    { "kind": "rot", "offsetBytes": N, "mask": 0..255 }\n',
        examples(
          'smets1 emulate',
          'smets1 emulate --flash meter.flash --trust keys --ws 127.0.0.1:8080',
          'smets1 emulate --flash meter.flash --trust keys --serial /tmp/meter-line',
          'smets1 emulate --clock virtual --seed 42 --control 127.0.0.1:9000 --control-token-file control.token',
          'smets1 emulate --meters 1000 --trust keys --inventory meters.json',
          "printf 'cut +5 tear 3\\nstate\\n' | smets1 emulate --faults faults.json",
        ),
      ].join('\n'),
    },
  },
);
