/** Blocks whose octets are on their way: fragments in any order, overlapping, repeated. */
import type { BlockRange } from '../message/sack.js';
import type { Fragment, OpenBlock } from './receiver-types.js';

/** The block with the fragment added; octets that it already has are kept as they came first. */
export function withFragment(open: OpenBlock, added: Fragment): OpenBlock {
  if (open.fragments.length === 0) return { ...open, fragments: [added] };
  const fragments: Fragment[] = [];
  let rest: Fragment | undefined = added;
  for (const have of open.fragments) {
    if (rest !== undefined) {
      if (endOf(rest) <= have.offsetBytes) {
        fragments.push(rest);
        rest = undefined;
      } else if (rest.offsetBytes < endOf(have)) {
        if (rest.offsetBytes < have.offsetBytes) fragments.push(cut(rest, rest.offsetBytes, have.offsetBytes));
        rest = endOf(rest) > endOf(have) ? cut(rest, endOf(have), endOf(rest)) : undefined;
      }
    }
    fragments.push(have);
  }
  if (rest !== undefined) fragments.push(rest);
  return { ...open, fragments };
}

/** All octets of the block, once they are all there. */
export function wholeBlock(open: OpenBlock, blockBytes: number): Uint8Array | undefined {
  const [first] = open.fragments;
  if (first === undefined) return undefined;
  if (first.octets.length === blockBytes) return first.octets;
  if (open.fragments.reduce((sum, { octets }) => sum + octets.length, 0) < blockBytes) return undefined;
  const whole = new Uint8Array(blockBytes);
  for (const { offsetBytes, octets } of open.fragments) whole.set(octets, offsetBytes);
  return whole;
}

/** What was received of the open blocks, as few ranges as say it. */
export function rangesOf(open: readonly OpenBlock[], rangesMax: number): BlockRange[] {
  const ranges: BlockRange[] = [];
  for (const { block, fragments } of open) {
    let from: number | undefined;
    let end = 0;
    for (const fragment of fragments) {
      if (from !== undefined && fragment.offsetBytes !== end) {
        ranges.push({ block, offsetBytes: from, lengthBytes: end - from });
        from = undefined;
      }
      from ??= fragment.offsetBytes;
      end = endOf(fragment);
    }
    if (from !== undefined) ranges.push({ block, offsetBytes: from, lengthBytes: end - from });
  }
  return ranges.slice(0, rangesMax);
}

function endOf(fragment: Fragment): number {
  return fragment.offsetBytes + fragment.octets.length;
}

function cut(fragment: Fragment, from: number, end: number): Fragment {
  return {
    offsetBytes: from,
    octets: fragment.octets.subarray(from - fragment.offsetBytes, end - fragment.offsetBytes),
  };
}
