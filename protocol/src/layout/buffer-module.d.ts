// The `buffer` package declares a global Buffer, which the pure folders must not see (tsconfig `paths`).
export declare const Buffer: OctetBufferConstructor;
