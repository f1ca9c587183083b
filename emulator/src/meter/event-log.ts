import { EVENT_LOG_ENTRIES, EVENT_PAYLOAD_BYTES, OTHER_INFORMATION_BYTES_MAX } from '../limits.js';
import type { MeterEvent } from './meter-types.js';
import type { NumberedFormat } from './numbered-log.js';

const AT = { timestampS: 4, code: 8, length: 10, other: 11 } as const;

/** The last 100 events. What was cleared is a matter of the meter's state. */
export const EVENT_LOG: NumberedFormat<MeterEvent> = {
  partition: 'event-log',
  logId: 5,
  payloadBytes: EVENT_PAYLOAD_BYTES,
  entriesMax: EVENT_LOG_ENTRIES,
  write({ timestampS, code, otherInformation }, view) {
    view.setUint32(AT.timestampS, timestampS, true);
    view.setUint16(AT.code, code, true);
    const length = Math.min(otherInformation.length >> 1, OTHER_INFORMATION_BYTES_MAX);
    view.setUint8(AT.length, length);
    for (let i = 0; i < length; i++) {
      view.setUint8(AT.other + i, Number.parseInt(otherInformation.slice(2 * i, 2 * i + 2), 16));
    }
  },
  read(view) {
    const length = Math.min(view.getUint8(AT.length), OTHER_INFORMATION_BYTES_MAX);
    const octets = Array.from({ length }, (_, i) => view.getUint8(AT.other + i));
    return {
      timestampS: view.getUint32(AT.timestampS, true),
      code: view.getUint16(AT.code, true),
      otherInformation: octets.map((octet) => octet.toString(16).padStart(2, '0')).join(''),
    };
  },
};
