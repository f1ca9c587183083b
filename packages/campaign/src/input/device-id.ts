/** EUI-64s as numbers, for cohorts that count them up. */

/** @param text - Eight pairs of hex digits with dashes, checked before. */
export function eui64Of(text: string): bigint {
  return BigInt(`0x${text.replaceAll('-', '')}`);
}

export function textOfEui64(value: bigint): string {
  const digits = value.toString(16).toUpperCase().padStart(16, '0');
  return (digits.match(/../g) ?? []).join('-');
}

export const EUI64_END: bigint = 1n << 64n;
