/** Little numbers in few octets: seven bits an octet, lowest first, bit 7 set while more follow. Up to 2^53 − 1. */
export class OctetWriter {
  readonly #octets: number[] = [];

  get octets(): Uint8Array {
    return Uint8Array.from(this.#octets);
  }

  octet(value: number): void {
    this.#octets.push(value & 0xff);
  }

  /** 0 or more. */
  count(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#octets.push((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#octets.push(rest);
  }

  /** Any sign, to 2^52 − 1: the sign in the lowest bit. */
  signed(value: number): void {
    this.count(value < 0 ? -2 * value - 1 : 2 * value);
  }

  counts(values: readonly number[]): void {
    for (const value of values) this.count(value);
  }

  /** A list that says its own length. */
  list(values: readonly number[]): void {
    this.count(values.length);
    this.counts(values);
  }
}

/** Reads what {@link OctetWriter} wrote. Past the end it gives 0: who reads has checked a CRC before. */
export class OctetReader {
  readonly #octets: Uint8Array;
  #at = 0;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  octet(): number {
    return this.#octets[this.#at++] ?? 0;
  }

  count(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const octet = this.octet();
      value += (octet & 0x7f) * scale;
      if (octet < 0x80) return value;
      scale *= 0x80;
    }
  }

  signed(): number {
    const value = this.count();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  counts(length: number): readonly number[] {
    return Array.from({ length }, () => this.count());
  }

  list(): readonly number[] {
    return this.counts(this.count());
  }
}
