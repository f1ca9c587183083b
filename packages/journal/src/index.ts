export { openJournal } from './journal.js';
export type { Journal, JournalOptions } from './journal.js';
export { readJournal } from './reader.js';
export type { JournalReader } from './reader.js';
export type { JournalRecord } from './record-index.js';
export { JournalError } from './error.js';
export type { JournalErrorCode } from './error.js';
export { FileFault, errnoOf, writeFully } from './files/file-port.js';
export type { FilePort, OpenFile } from './files/file-port.js';
export { nodeFiles } from './files/node-files.js';
export { memoryFiles } from './files/memory-files.js';
export type { FileCall, MemoryFiles } from './files/memory-files.js';
export { takeLock } from './lock.js';
export type { Lock } from './lock.js';
export { nodeProcesses } from './processes.js';
export type { ProcessIdentity, ProcessPort } from './processes.js';
export {
  FRAME_BYTES_MAX,
  RECORD_BYTES_MAX_DEFAULT,
  SEGMENT_BYTES_DEFAULT,
  SEGMENT_BYTES_MAX,
  SEGMENT_BYTES_MIN,
} from './limits.js';
