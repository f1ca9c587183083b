// The types that `crc` ships pull in all of Node's; this is all the pure folders may see of it (tsconfig `paths`).
declare const calculator: (octets: Uint8Array, previous?: number) => number;
export default calculator;
