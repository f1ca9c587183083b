/** The closed list of refusal codes a meter sends (SPEC.md §13). */
export const REFUSAL_CODES = {
  malformed: 1,
  unsupportedVersion: 2,
  unknownCriticalField: 3,
  unsupportedProfile: 4,
  unsupportedEncoding: 5,
  unknownKey: 6,
  badSignature: 7,
  otaHeaderMismatch: 8,
  wrongDeviceClass: 9,
  wrongManufacturer: 10,
  wrongImageType: 11,
  wrongHardware: 12,
  versionNotApplicable: 13,
  counterTooLow: 14,
  counterUsed: 15,
  imageTooLarge: 16,
  geometryUnsupported: 17,
  trialRunning: 18,
  otherImageHeld: 19,
  eraseBudgetSpent: 20,
  noSession: 21,
  incomplete: 22,
  storageFailed: 23,
  unknownMessage: 24,
  busyWithOther: 25,
  authorisationMalformed: 32,
  authorisationWrongDevice: 33,
  supplierSignatureBad: 34,
  countersignatureBad: 35,
  authorisationNotYetValid: 36,
  authorisationExpired: 37,
  originatorCounterUsed: 38,
} as const;

export type Refusal = keyof typeof REFUSAL_CODES;

const NAMES: ReadonlyMap<number, Refusal> = new Map(
  Object.entries(REFUSAL_CODES).map(([name, code]) => [code, name as Refusal]),
);

/** The refusal of a code, or undefined for a code of a later minor version. */
export function refusalOf(code: number): Refusal | undefined {
  return NAMES.get(code);
}

/** Refusals of a verifier of packages and parts (SPEC.md §13, second list) and those of the meter that fit. */
export type PackageFault =
  | 'truncated'
  | 'trailingOctets'
  | 'badLength'
  | 'badCrc'
  | 'unknownKind'
  | 'blockSignature'
  | 'imageHashMismatch'
  | 'gbcsSignature'
  | Extract<
      Refusal,
      | 'malformed'
      | 'unsupportedVersion'
      | 'unknownCriticalField'
      | 'unsupportedProfile'
      | 'unsupportedEncoding'
      | 'unknownKey'
      | 'badSignature'
      | 'otaHeaderMismatch'
    >;
