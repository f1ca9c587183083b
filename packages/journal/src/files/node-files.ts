import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { PREALLOCATE_CHUNK_BYTES } from '../limits.js';
import { FileFault, writeFully } from './file-port.js';
import type { FilePort, OpenFile } from './file-port.js';

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const OTHERS_MASK = 0o077;
// O_NONBLOCK: a FIFO put in a file's place must be refused, not waited for. It changes nothing for regular files.
const GUARDED = fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;

/** The file port on this machine's disk. */
export function nodeFiles(): FilePort {
  return {
    open(path, access) {
      const flags = access === 'read' ? fs.constants.O_RDONLY : fs.constants.O_RDWR;
      const fd = fs.openSync(path, flags | GUARDED);
      const stat = fs.fstatSync(fd);
      if (!stat.isFile() || stat.nlink > 1) {
        fs.closeSync(fd);
        throw new FileFault('EACCES', `${path} is not a regular file with one name`);
      }
      return openFile(fd);
    },
    create(path) {
      const { O_RDWR, O_CREAT, O_EXCL } = fs.constants;
      return openFile(fs.openSync(path, O_RDWR | O_CREAT | O_EXCL | GUARDED, FILE_MODE));
    },
    rename: fs.renameSync,
    unlink: fs.unlinkSync,
    list: (directory) => fs.readdirSync(directory),
    makeDirectory(path) {
      try {
        fs.mkdirSync(path, { mode: DIRECTORY_MODE });
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
        refuseOpenDirectory(path);
        return;
      }
      syncDirectory(dirname(resolve(path)));
    },
    syncDirectory,
    createMark: (path, text) => fs.symlinkSync(text, path),
    readMark: (path) => fs.readlinkSync(path),
  };
}

function refuseOpenDirectory(path: string): void {
  const stat = fs.lstatSync(path);
  if (!stat.isDirectory()) throw new FileFault('EACCES', `${path} is not a directory`);
  const ours = process.getuid === undefined || stat.uid === process.getuid();
  if (!ours || (stat.mode & OTHERS_MASK) !== 0) {
    throw new FileFault('EACCES', `${path} must belong to this user and be closed to others: chmod 700 ${path}`);
  }
}

function syncDirectory(path: string): void {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function openFile(fd: number): OpenFile {
  const file: OpenFile = {
    readAt(target, offsetBytes) {
      let done = 0;
      while (done < target.length) {
        const read = fs.readSync(fd, target, done, target.length - done, offsetBytes + done);
        if (read === 0) break;
        done += read;
      }
      return done;
    },
    writeAt: (octets, offsetBytes) => fs.writeSync(fd, octets, 0, octets.length, offsetBytes),
    syncData: () => fs.fdatasyncSync(fd),
    sync: () => fs.fsyncSync(fd),
    preallocate(lengthBytes) {
      let at = fs.fstatSync(fd).size;
      const zeros = new Uint8Array(Math.min(PREALLOCATE_CHUNK_BYTES, Math.max(0, lengthBytes - at)));
      while (at < lengthBytes) {
        const piece = zeros.subarray(0, Math.min(zeros.length, lengthBytes - at));
        writeFully(file, piece, at);
        at += piece.length;
      }
    },
    truncate: (lengthBytes) => fs.ftruncateSync(fd, lengthBytes),
    sizeBytes: () => fs.fstatSync(fd).size,
    close: () => fs.closeSync(fd),
  };
  return file;
}
