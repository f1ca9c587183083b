import { MeterError } from '../errors.js';
import type { DeviceProfile } from './device-profile.js';
import { PROFILES } from './families.js';

/** What {@link profileNamed} takes. */
export const PROFILE_NAMES: readonly string[] = PROFILES.map(({ name }) => name);

/** @throws MeterError `bad-value` with the names that there are */
export function profileNamed(name: string): DeviceProfile {
  const profile = PROFILES.find((candidate) => candidate.name === name);
  if (profile !== undefined) return profile;
  throw new MeterError('bad-value', `no profile is called "${name}"; there are ${PROFILE_NAMES.join(', ')}`);
}
