/** The flash of a virtual meter in a file: every operation is written through, so that whatever kills the process leaves what flash would hold. */
import { dirname } from 'node:path';
import {
  errnoOf,
  nodeFiles,
  writeFully,
  type FilePort,
  type Lock,
  type OpenFile,
  type ProcessPort,
} from '@smets1/journal';
import { HostError } from '../error.js';
import { FLASH_FILE_BYTES_MAX } from '../limits.js';
import { fileFailed } from './atomic-write.js';
import { takeExclusive } from './exclusive.js';

/** Where an emulator writes its flash operations. */
export interface FlashBacking {
  /** The octets are in the file, not yet safe from a power loss of the machine. */
  writeAt(offsetBytes: number, octets: Uint8Array): void;
  /** Makes them so. */
  sync(): void;
}

export interface NodeFlashBacking extends FlashBacking {
  /** True until the first `sync`: there was no such file, and so far there is none under this name. */
  readonly isNew: boolean;
  /** All octets of the file as they are now; none when it is new. */
  read(): Uint8Array;
  /** Gives the file to whoever wants it next; safe to repeat. */
  close(): void;
}

export interface FlashBackingOptions {
  readonly files?: FilePort;
  readonly processes?: ProcessPort;
}

/**
 * Opens a flash file, or begins a new one, as its only owner. A new file appears under its name, whole, with the first `sync`: a process
 * that dies earlier leaves nothing that could be taken for a meter.
 *
 * @throws {@link HostError} `file-locked`, `file-failed`, also from the calls of the backing.
 */
export function nodeFlashBacking(path: string, options: FlashBackingOptions = {}): NodeFlashBacking {
  const files = options.files ?? nodeFiles();
  const owner = takeExclusive(path, files, options.processes);
  try {
    return new FileBacking(path, files, owner);
  } catch (error) {
    owner.release();
    throw error instanceof HostError ? error : fileFailed(`the flash file ${path} could not be opened`, error);
  }
}

class FileBacking implements NodeFlashBacking {
  readonly #path: string;
  readonly #files: FilePort;
  readonly #owner: Lock;
  readonly #file: OpenFile;
  #isNew = false;
  #isOpen = true;

  constructor(path: string, files: FilePort, owner: Lock) {
    this.#path = path;
    this.#files = files;
    this.#owner = owner;
    const existing = openExisting(files, path);
    if (existing === undefined) {
      removeIfThere(files, unfinished(path));
      this.#file = files.create(unfinished(path));
      this.#isNew = true;
    } else {
      this.#file = existing;
      if (existing.sizeBytes() > FLASH_FILE_BYTES_MAX) {
        existing.close();
        throw new HostError('file-failed', `${path} is larger than any flash file; give the path of a flash file`);
      }
    }
  }

  get isNew(): boolean {
    return this.#isNew;
  }

  read(): Uint8Array {
    return this.#do(() => {
      const octets = new Uint8Array(this.#file.sizeBytes());
      this.#file.readAt(octets, 0);
      return octets;
    });
  }

  writeAt(offsetBytes: number, octets: Uint8Array): void {
    if (!(Number.isInteger(offsetBytes) && offsetBytes >= 0 && offsetBytes + octets.length <= FLASH_FILE_BYTES_MAX)) {
      throw new HostError('misuse', `${octets.length} octets at ${offsetBytes} lie outside of any flash file`);
    }
    this.#do(() => writeFully(this.#file, octets, offsetBytes));
  }

  sync(): void {
    this.#do(() => {
      if (!this.#isNew) {
        this.#file.syncData();
        return;
      }
      this.#file.sync();
      this.#files.rename(unfinished(this.#path), this.#path);
      this.#files.syncDirectory(dirname(this.#path));
      this.#isNew = false;
    });
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#file.close();
    if (this.#isNew) removeIfThere(this.#files, unfinished(this.#path));
    this.#owner.release();
  }

  #do<T>(run: () => T): T {
    if (!this.#isOpen) throw new HostError('misuse', `the flash file ${this.#path} was closed`);
    try {
      return run();
    } catch (error) {
      throw fileFailed(`the flash file ${this.#path} failed`, error);
    }
  }
}

function unfinished(path: string): string {
  return `${path}.new`;
}

function openExisting(files: FilePort, path: string): OpenFile | undefined {
  try {
    return files.open(path, 'read-write');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function removeIfThere(files: FilePort, path: string): void {
  try {
    files.unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
