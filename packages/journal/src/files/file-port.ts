/**
 * The synchronous file port: what a durable store needs from a file system, and no more. Paths use `/`. Every call may throw
 * an error that carries an errno name as `code` (`ENOSPC`, `EIO`, …), as Node's own errors do.
 */
export interface FilePort {
  /** Opens an existing regular file; never follows a symbolic link. */
  open(path: string, access: 'read' | 'read-write'): OpenFile;
  /** Creates a file that must not exist (`EEXIST`), readable by its owner only. Durable only after {@link syncDirectory}. */
  create(path: string): OpenFile;
  /** Replaces `to` in one step. Durable only after {@link syncDirectory}. */
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** Names in a directory, in no order. */
  list(directory: string): readonly string[];
  /**
   * Makes a directory for its owner only, durable on return; a directory that is there already must belong to us and be closed
   * to everybody else, or `EACCES` is thrown.
   */
  makeDirectory(path: string): void;
  /** Makes creations, renames and removals in this directory durable. */
  syncDirectory(path: string): void;
  /** A name with a short text, made in one atomic step that takes no data block; `EEXIST` if the name is taken. */
  createMark(path: string, text: string): void;
  readMark(path: string): string;
}

export interface OpenFile {
  /** Fills `target` from `offsetBytes` on and returns how many octets there were; fewer than asked only at the end of the file. */
  readAt(target: Uint8Array, offsetBytes: number): number;
  /** Writes a prefix of `octets`, at least one octet, and returns its length. Durable only after a sync. */
  writeAt(octets: Uint8Array, offsetBytes: number): number;
  /** Makes content durable, and of the metadata only what is needed to read it back. */
  syncData(): void;
  /** Makes content and metadata durable. */
  sync(): void;
  /** Extends the file with zeros that really occupy space, so that later writes below `lengthBytes` meet no full disk. */
  preallocate(lengthBytes: number): void;
  truncate(lengthBytes: number): void;
  sizeBytes(): number;
  close(): void;
}

/** A file system's refusal, for adapters that are not Node. */
export class FileFault extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.name = 'FileFault';
    this.code = code;
  }
}

/** The errno name of whatever a port threw; empty when it carried none. */
export function errnoOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** Writes all of `octets`, however short the single writes are. */
export function writeFully(file: OpenFile, octets: Uint8Array, offsetBytes: number): void {
  let done = 0;
  while (done < octets.length) {
    const written = file.writeAt(octets.subarray(done), offsetBytes + done);
    if (written <= 0) throw new FileFault('EIO', `a write of ${octets.length - done} octets wrote none`);
    done += written;
  }
}
