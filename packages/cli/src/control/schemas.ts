/** What may be asked of a bench, as JSON; nothing beyond what is named. The console's words become the same JSON. */
import * as v from 'valibot';
import { CliError } from '../errors.js';
import {
  CLOCK_ADVANCE_MS_MAX,
  EVENTS_KEPT_MAX,
  FAULTS_MAX,
  INSTANT_S_MAX,
  LOG_LINES_DEFAULT,
  POWER_OFF_MS_MAX,
} from '../limits.js';
import type { AwaitedFault, CutFault } from '../meter/bench-faults.js';

/** @throws {@link CliError} `usage` with the field that is wrong */
export type Reader<INPUT> = (json: unknown) => INPUT;

export type Nothing = Readonly<Record<string, never>>;
export type PowerInput =
  | { readonly power: 'on' }
  | { readonly power: 'off'; readonly powerOnAfterMs?: number | null }
  | ({ readonly power: 'cut' } & Omit<AwaitedFault, 'fault' | 'atMs'> & Omit<CutFault, 'kind'>);
export interface FaultsInput {
  /** Those that wait already are forgotten first. */
  readonly clear: boolean;
  readonly faults: readonly AwaitedFault[];
}
export interface ClockInput {
  readonly advanceMs?: number;
  /** Seconds since 1970. */
  readonly setS?: number;
}

const whole = (min: number, max: number) =>
  v.pipe(v.number(), v.integer('is not a whole number'), v.minValue(min), v.maxValue(max));
const octet = whole(0, 0xff);
const count = whole(0, Number.MAX_SAFE_INTEGER);

const CUT_FIELDS = {
  phase: v.optional(v.picklist(['before', 'during', 'after']), 'during'),
  torn: v.exactOptional(count),
  mode: v.exactOptional(v.picklist(['prefix', 'bits'])),
  seed: v.exactOptional(whole(0, 0xffff_ffff)),
  weak: v.exactOptional(v.boolean()),
  neighbour: v.exactOptional(v.boolean()),
  /** Null: when somebody switches it on. */
  powerOnAfterMs: v.exactOptional(v.nullable(whole(0, POWER_OFF_MS_MAX))),
};
const WHEN_FIELDS = {
  atOperation: v.exactOptional(count),
  inOperations: v.exactOptional(whole(1, Number.MAX_SAFE_INTEGER)),
};

const FAULT = v.variant('kind', [
  v.strictObject({ kind: v.literal('cut'), ...CUT_FIELDS }),
  v.strictObject({ kind: v.literal('power-off'), ms: whole(1, POWER_OFF_MS_MAX) }),
  v.strictObject({
    kind: v.literal('break'),
    sector: count,
    as: v.picklist(['program-fails', 'erase-fails', 'read-fails', 'program-lies', 'erase-lies']),
    fromErase: v.exactOptional(count),
  }),
  v.strictObject({ kind: v.literal('stick'), offsetBytes: count, mask: octet, value: octet }),
  v.strictObject({ kind: v.literal('rot'), offsetBytes: count, mask: octet }),
]);

const AWAITED = v.strictObject({
  ...WHEN_FIELDS,
  atMs: v.exactOptional(v.pipe(v.number(), v.minValue(0))),
  fault: FAULT,
});

export const readNothing: Reader<Nothing> = reader('body', v.optional(v.strictObject({}), {}));

export const readPower: Reader<PowerInput> = reader(
  'power',
  v.variant('power', [
    v.strictObject({ power: v.literal('off'), powerOnAfterMs: CUT_FIELDS.powerOnAfterMs }),
    v.strictObject({ power: v.literal('on') }),
    v.strictObject({ power: v.literal('cut'), ...WHEN_FIELDS, ...CUT_FIELDS }),
  ]),
);

const SCRIPT = v.pipe(v.array(AWAITED), v.maxLength(FAULTS_MAX, `has more than ${FAULTS_MAX} faults`));
/** A fault script. */
export const readFaultList: Reader<readonly AwaitedFault[]> = reader('faults', SCRIPT);
export const readFaults: Reader<FaultsInput> = reader(
  'faults',
  v.strictObject({ clear: v.optional(v.boolean(), false), faults: v.optional(SCRIPT, []) }),
);

export const readClock: Reader<ClockInput> = reader(
  'clock',
  v.pipe(
    v.optional(
      v.strictObject({
        advanceMs: v.exactOptional(v.pipe(v.number(), v.gtValue(0), v.maxValue(CLOCK_ADVANCE_MS_MAX))),
        setS: v.exactOptional(v.pipe(v.number(), v.minValue(0), v.maxValue(INSTANT_S_MAX))),
      }),
      {},
    ),
    v.check(
      ({ advanceMs, setS }) => advanceMs === undefined || setS === undefined,
      'takes advanceMs or setS, not both',
    ),
  ),
);

const LOG = v.strictObject({ last: v.optional(whole(1, EVENTS_KEPT_MAX), LOG_LINES_DEFAULT) });
export const readLog: Reader<{ readonly last: number }> = reader('log', v.optional(LOG, {}));

export const readOctets: Reader<Uint8Array> = reader(
  'restore',
  v.instance(Uint8Array, 'send the octets of a flash file, with Content-Type: application/octet-stream'),
);

/** @param what - For people, where the value as a whole is wrong. */
export function reader<INPUT>(what: string, schema: v.GenericSchema<unknown, INPUT>): Reader<INPUT> {
  return (json) => {
    const read = v.safeParse(schema, json);
    if (read.success) return read.output;
    const [issue] = read.issues;
    throw new CliError('usage', `${v.getDotPath(issue) ?? what}: ${issue.message}`);
  };
}

/** The cut that is asked for, and what it waits for. */
export function cutOf(input: Extract<PowerInput, { power: 'cut' }>): AwaitedFault {
  const { power: _, atOperation, inOperations, ...cut } = input;
  return {
    fault: { kind: 'cut', ...cut },
    ...(atOperation === undefined ? {} : { atOperation }),
    ...(inOperations === undefined ? {} : { inOperations }),
  };
}
