// What the pure folders may see of three modules that carry no types of their own here: the conditional imports name them, nothing else does.

interface OctetBuffer extends Uint8Array {
  readonly octetBuffer: never;
}

interface OctetBufferConstructor {
  from(buffer: ArrayBufferLike, byteOffset: number, length: number): OctetBuffer;
}

declare module 'node:buffer' {
  export const Buffer: OctetBufferConstructor;
}

declare module 'node:zlib' {
  export function crc32(octets: Uint8Array, value?: number): number;
}

declare module 'buffer-layout' {
  export interface Layout {
    readonly span: number;
    readonly property: string;
  }
  export interface Structure extends Layout {
    encode(value: object, target: OctetBuffer, offset: number): number;
    decode(source: OctetBuffer, offset: number): Record<string, unknown>;
  }
  export function u8(property: string): Layout;
  export function u16(property: string): Layout;
  export function u32(property: string): Layout;
  export function blob(length: number, property: string): Layout;
  export function struct(fields: readonly Layout[]): Structure;
}
