/** Reads an input: whole, or not at all, with the first fault, where it is, and what to do. */
import * as v from 'valibot';
import type { Checked, InputFaultCode } from '../error.js';
import { INPUT_CHARACTERS_MAX, INPUT_DEPTH_MAX, INPUT_VALUES_MAX } from '../limits.js';
import type { CampaignCommand, CampaignInput } from '../model/campaign-input.js';
import type { ProductsPort } from '../model/products-port.js';
import { inputConflict } from './input-checks.js';
import { COMMAND_SCHEMA, INPUT_SCHEMA } from './schema.js';

const BYTE_ORDER_MARK = '\ufeff';
const NO_JSON_KEY = 'is not a key that this object has; look for a slip of the pen, or leave it out';

/** A parser that refuses equal keys and `__proto__`, which `JSON.parse` does not: `parseJson` of `@smets1/http-guard` is one. */
export type StrictJson = (
  text: string,
  limits: { readonly jsonDepthMax: number; readonly jsonValuesMax: number },
) =>
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string; readonly at: number };

/** @param text - Of the file, decoded as UTF-8 with its byte order mark, if any, left in. */
export function campaignInputOfText(
  text: string,
  parseJson: StrictJson,
  products: Pick<ProductsPort, 'productListsOf'>,
): Checked<CampaignInput> {
  if (text.length > INPUT_CHARACTERS_MAX)
    return fault('too-large', '', `has more than ${INPUT_CHARACTERS_MAX} characters; split the campaign`);
  if (text.startsWith(BYTE_ORDER_MARK))
    return fault('byte-order-mark', '', 'begins with a byte order mark; save it as UTF-8 without one');
  const parsed = parseJson(text, { jsonDepthMax: INPUT_DEPTH_MAX, jsonValuesMax: INPUT_VALUES_MAX });
  if (!parsed.ok) {
    const before = text.slice(0, parsed.at).split('\n');
    const where = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    return fault('not-json', where, `${parsed.reason}; mend the file there`);
  }
  return campaignInputOf(parsed.value, products);
}

/** @param json - Parsed JSON. Equal keys cannot be seen in it: read text with {@link campaignInputOfText}. */
export function campaignInputOf(json: unknown, products: Pick<ProductsPort, 'productListsOf'>): Checked<CampaignInput> {
  const parsed = v.safeParse(INPUT_SCHEMA, json, { abortEarly: true });
  if (!parsed.success) return malformed(parsed.issues[0]);
  const lists = products.productListsOf(parsed.output.lists);
  if (!lists.ok) {
    const { path, message } = lists.fault;
    return { ok: false, fault: { code: 'bad-lists', path: path === '' ? 'lists' : `lists.${path}`, message } };
  }
  const input: CampaignInput = { ...parsed.output, lists: lists.value };
  return inputConflict(input) ?? { ok: true, value: input };
}

/** A command as a person gives it. Whether its ids exist is seen when it is told to the campaign. */
export function campaignCommandOf(json: unknown): Checked<CampaignCommand> {
  const parsed = v.safeParse(COMMAND_SCHEMA, json, { abortEarly: true });
  return parsed.success ? { ok: true, value: parsed.output } : malformed(parsed.issues[0]);
}

function malformed(issue: v.BaseIssue<unknown>): {
  readonly ok: false;
  readonly fault: { code: InputFaultCode; path: string; message: string };
} {
  const path = v.getDotPath(issue) ?? '';
  const isUnknownKey = issue.type === 'strict_object' && issue.expected === 'never';
  return fault('malformed', path, isUnknownKey ? NO_JSON_KEY : issue.message);
}

function fault(
  code: InputFaultCode,
  path: string,
  what: string,
): { readonly ok: false; readonly fault: { code: InputFaultCode; path: string; message: string } } {
  return { ok: false, fault: { code, path, message: `${path === '' ? 'the input' : path}: ${what}` } };
}
