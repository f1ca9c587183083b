import { POWER_LOG_ENTRIES, POWER_PAYLOAD_BYTES } from '../limits.js';
import type { PowerEvent } from './meter-types.js';
import type { NumberedFormat } from './numbered-log.js';

const AT = { fromS: 4, untilS: 8 } as const;

/** The last 100 outages. */
export const POWER_LOG: NumberedFormat<PowerEvent> = {
  partition: 'power-log',
  logId: 6,
  payloadBytes: POWER_PAYLOAD_BYTES,
  entriesMax: POWER_LOG_ENTRIES,
  write({ fromS, untilS }, view) {
    view.setUint32(AT.fromS, fromS, true);
    view.setUint32(AT.untilS, untilS, true);
  },
  read: (view) => ({ fromS: view.getUint32(AT.fromS, true), untilS: view.getUint32(AT.untilS, true) }),
};
