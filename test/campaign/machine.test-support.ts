/** The campaign's machine, made ready for a test. */
import { campaignInputOfText, compileCampaign, stopRule, type Campaign } from '@smets1/campaign';
import { parseJson } from '@smets1/http-guard';
import * as products from '@smets1/products';

/** @throws Error when it is no input. */
export function campaignOf(inputText: string): Campaign {
  const input = campaignInputOfText(inputText, parseJson, products);
  if (!input.ok) throw new Error(`${input.fault.code}: ${input.fault.message}`);
  return compileCampaign(input.value, { products, stopRule: stopRule(input.value.policy.stopRule) });
}
