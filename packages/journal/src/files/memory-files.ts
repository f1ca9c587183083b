import { SECTOR_BYTES } from '../limits.js';
import type { ProcessIdentity, ProcessPort } from '../processes.js';
import { FileFault } from './file-port.js';
import type { FilePort, OpenFile } from './file-port.js';

export type FileCall = keyof FilePort | Exclude<keyof OpenFile, 'close'>;

/** A file system in memory that forgets at a crash what nobody made durable. */
export interface MemoryFiles {
  readonly files: FilePort;
  /** The one process that lives here; it becomes another one at each crash, so its locks go stale. */
  readonly processes: ProcessPort;
  /**
   * `power`: of every 512-octet sector written since the last sync any version may remain, of every name changed since the last
   * directory sync the old or the new state. `process`: the process alone dies, everything written stays. Open files are gone.
   */
  crash(kind: 'power' | 'process'): void;
  /** The `nth` call from now on (1 is the next one) fails with this errno; half of what it should write may be there. */
  failCall(nth: number, errno: string): void;
  /** The `nth` call from now on is cut in its middle and no call works after it, until {@link crash}. */
  cutCall(nth: number): void;
  /** Every call of this name fails with this errno; without errno it works again. */
  failEvery(call: FileCall, errno?: string): void;
  /** Space for file content; `ENOSPC` beyond it. */
  setCapacity(bytes: number): void;
  callCount(call?: FileCall): number;
  /** Flips bits in what is stored, as rot does: behind the back of whoever has the file open. */
  damage(path: string, offsetBytes: number, mask: number): void;
}

interface Inode {
  durable: Uint8Array;
  cache: Uint8Array;
  /** By sector index: each version written since the last sync. */
  pending: Map<number, Uint8Array[]>;
  /** Sectors that occupy space; the rest of a file are holes. */
  readonly allocated: Set<number>;
}
type Entry = { readonly kind: 'file'; readonly inode: Inode } | { readonly kind: 'mark'; readonly text: string };
/** One step on names: all of it happens or none. */
type NameChange = readonly { readonly name: string; readonly entry: Entry | undefined }[];
interface Directory {
  durable: Map<string, Entry>;
  cache: Map<string, Entry>;
  pending: NameChange[];
}

/** @param options.seed - Decides what survives each crash; the same seed and calls give the same world. */
export function memoryFiles(options: { readonly seed: number }): MemoryFiles {
  const random = seededRandom(options.seed);
  const directories = new Map<string, Directory>();
  const counts = new Map<FileCall, number>();
  const failing = new Map<FileCall, string>();
  let total = 0;
  let failAt: { readonly call: number; readonly errno: string } | undefined;
  let cutAt = Number.POSITIVE_INFINITY;
  let capacityBytes = Number.POSITIVE_INFINITY;
  let boot = 1;
  let pid = 1;

  const count = (call: FileCall): string | undefined => {
    total += 1;
    counts.set(call, (counts.get(call) ?? 0) + 1);
    if (total > cutAt) throw new FileFault('EIO', 'the power is off');
    if (total === cutAt) return 'EIO';
    return failAt?.call === total ? failAt.errno : failing.get(call);
  };
  const enter = (call: FileCall): void => {
    const errno = count(call);
    if (errno !== undefined) throw new FileFault(errno, `injected into ${call}`);
  };
  const directoryOf = (path: string): Directory => {
    const found = directories.get(path);
    if (found === undefined) throw new FileFault('ENOENT', `no directory ${path}`);
    return found;
  };
  const split = (path: string): { readonly directory: Directory; readonly name: string } => {
    const slash = path.lastIndexOf('/');
    return { directory: directoryOf(path.slice(0, slash)), name: path.slice(slash + 1) };
  };
  const entryAt = (path: string): Entry => {
    const { directory, name } = split(path);
    const entry = directory.cache.get(name);
    if (entry === undefined) throw new FileFault('ENOENT', `no file ${path}`);
    return entry;
  };
  const inodeAt = (path: string): Inode => {
    const entry = entryAt(path);
    if (entry.kind !== 'file') throw new FileFault('ELOOP', `${path} is a mark`);
    return entry.inode;
  };
  const change = (directory: Directory, step: NameChange): void => {
    applyNames(directory.cache, step);
    directory.pending.push(step);
  };
  const makeNew = (path: string, entry: Entry): void => {
    const { directory, name } = split(path);
    if (directory.cache.has(name)) throw new FileFault('EEXIST', `${path} exists`);
    change(directory, [{ name, entry }]);
  };
  const usedBytes = (): number => {
    const inodes = new Set<Inode>();
    for (const directory of directories.values()) {
      for (const entry of directory.cache.values()) if (entry.kind === 'file') inodes.add(entry.inode);
    }
    return [...inodes].reduce((sum, inode) => sum + inode.allocated.size * SECTOR_BYTES, 0);
  };

  const openFile = (inode: Inode): OpenFile => {
    const openedBoot = pid;
    let open = true;
    const enterFile = (call: FileCall): void => {
      if (!open || openedBoot !== pid) throw new FileFault('EBADF', 'the file is closed');
      enter(call);
    };
    const reserve = (fromBytes: number, toBytes: number): void => {
      const fresh = sectorsOf(fromBytes, toBytes).filter((sector) => !inode.allocated.has(sector));
      if (fresh.length === 0) return;
      if (usedBytes() + fresh.length * SECTOR_BYTES > capacityBytes) throw new FileFault('ENOSPC', 'no space left');
      for (const sector of fresh) inode.allocated.add(sector);
    };
    return {
      readAt(target, offsetBytes) {
        enterFile('readAt');
        const piece = inode.cache.subarray(offsetBytes, offsetBytes + target.length);
        target.set(piece);
        return piece.length;
      },
      writeAt(octets, offsetBytes) {
        if (!open || openedBoot !== pid) throw new FileFault('EBADF', 'the file is closed');
        const errno = count('writeAt');
        if (errno !== undefined) {
          const half = octets.subarray(0, Math.floor(octets.length / 2));
          if (offsetBytes + half.length <= inode.cache.length) put(inode, half, offsetBytes);
          throw new FileFault(errno, 'injected into writeAt');
        }
        reserve(offsetBytes, offsetBytes + octets.length);
        // A write may be short at any time; long ones are here, so that nobody gets used to the opposite.
        const piece = octets.subarray(0, octets.length > SECTOR_BYTES ? octets.length - 1 : octets.length);
        put(inode, piece, offsetBytes);
        return piece.length;
      },
      syncData: () => syncInode('syncData'),
      sync: () => syncInode('sync'),
      preallocate(lengthBytes) {
        enterFile('preallocate');
        const from = inode.cache.length;
        if (lengthBytes <= from) return;
        reserve(from, lengthBytes);
        put(inode, new Uint8Array(lengthBytes - from), from);
      },
      truncate(lengthBytes) {
        enterFile('truncate');
        inode.cache = resized(inode.cache, lengthBytes);
        for (const sector of inode.allocated) if (sector * SECTOR_BYTES >= lengthBytes) inode.allocated.delete(sector);
      },
      sizeBytes() {
        enterFile('sizeBytes');
        return inode.cache.length;
      },
      close() {
        open = false;
      },
    };

    function syncInode(call: 'syncData' | 'sync'): void {
      try {
        enterFile(call);
      } catch (error) {
        // As Linux does: what could not be written is marked clean, is still read back, and no later sync will write it.
        settle(inode, random);
        throw error;
      }
      inode.durable = resized(inode.durable, inode.cache.length);
      for (const sector of inode.pending.keys()) {
        const at = sector * SECTOR_BYTES;
        if (at < inode.cache.length) inode.durable.set(inode.cache.subarray(at, at + SECTOR_BYTES), at);
      }
      inode.pending.clear();
    }
  };

  const files: FilePort = {
    open(path) {
      enter('open');
      return openFile(inodeAt(path));
    },
    create(path) {
      enter('create');
      const inode: Inode = {
        durable: new Uint8Array(0),
        cache: new Uint8Array(0),
        pending: new Map(),
        allocated: new Set(),
      };
      makeNew(path, { kind: 'file', inode });
      return openFile(inode);
    },
    rename(from, to) {
      enter('rename');
      const entry = entryAt(from);
      const target = split(to);
      const source = split(from);
      if (source.directory !== target.directory) throw new FileFault('EXDEV', 'rename stays in one directory here');
      change(target.directory, [
        { name: source.name, entry: undefined },
        { name: target.name, entry },
      ]);
    },
    unlink(path) {
      enter('unlink');
      entryAt(path);
      const { directory, name } = split(path);
      change(directory, [{ name, entry: undefined }]);
    },
    list(path) {
      enter('list');
      return [...directoryOf(path).cache.keys()];
    },
    makeDirectory(path) {
      enter('makeDirectory');
      if (!directories.has(path)) directories.set(path, { durable: new Map(), cache: new Map(), pending: [] });
    },
    syncDirectory(path) {
      enter('syncDirectory');
      const directory = directoryOf(path);
      directory.durable = new Map(directory.cache);
      directory.pending = [];
    },
    createMark(path, text) {
      enter('createMark');
      makeNew(path, { kind: 'mark', text });
    },
    readMark(path) {
      enter('readMark');
      const entry = entryAt(path);
      if (entry.kind !== 'mark') throw new FileFault('EINVAL', `${path} is not a mark`);
      return entry.text;
    },
  };

  const self = (): ProcessIdentity => ({ pid, startTicks: '1', bootId: `boot${boot}` });
  return {
    files,
    processes: {
      self,
      isAlive: (identity) => identity.pid === pid && identity.bootId === self().bootId,
    },
    crash(kind) {
      pid += 1;
      cutAt = Number.POSITIVE_INFINITY;
      failAt = undefined;
      if (kind === 'process') return;
      boot += 1;
      for (const directory of directories.values()) {
        // Settled before the names, for a file that has lost its name must not decide what a later seed draws.
        for (const entry of directory.cache.values()) if (entry.kind === 'file') loseCache(entry.inode, random);
        for (const step of directory.pending) if (random() < 0.5) applyNames(directory.durable, step);
        directory.cache = new Map(directory.durable);
        directory.pending = [];
        for (const entry of directory.cache.values()) if (entry.kind === 'file') loseCache(entry.inode, random);
      }
    },
    failCall(nth, errno) {
      failAt = { call: total + nth, errno };
    },
    cutCall(nth) {
      cutAt = total + nth;
    },
    failEvery(call, errno) {
      if (errno === undefined) failing.delete(call);
      else failing.set(call, errno);
    },
    setCapacity(bytes) {
      capacityBytes = bytes;
    },
    callCount: (call) => (call === undefined ? total : (counts.get(call) ?? 0)),
    damage(path, offsetBytes, mask) {
      const inode = inodeAt(path);
      for (const octets of new Set([inode.cache, inode.durable])) {
        if (offsetBytes < octets.length) octets[offsetBytes]! ^= mask;
      }
    },
  };
}

function applyNames(names: Map<string, Entry>, step: NameChange): void {
  for (const { name, entry } of step) {
    if (entry === undefined) names.delete(name);
    else names.set(name, entry);
  }
}

function put(inode: Inode, octets: Uint8Array, offsetBytes: number): void {
  if (octets.length === 0) return;
  inode.cache = resized(inode.cache, Math.max(inode.cache.length, offsetBytes + octets.length));
  inode.cache.set(octets, offsetBytes);
  for (const sector of sectorsOf(offsetBytes, offsetBytes + octets.length)) {
    const versions = inode.pending.get(sector) ?? [];
    versions.push(inode.cache.slice(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES));
    inode.pending.set(sector, versions);
  }
}

function sectorsOf(fromBytes: number, toBytes: number): readonly number[] {
  const first = Math.floor(fromBytes / SECTOR_BYTES);
  return Array.from({ length: Math.ceil(toBytes / SECTOR_BYTES) - first }, (_, index) => first + index);
}

/** Chooses for each unsynced sector which version is on disk from now on. */
function settle(inode: Inode, random: () => number): void {
  if (inode.durable.length !== inode.cache.length && random() < 0.5) {
    inode.durable = resized(inode.durable, inode.cache.length);
  }
  for (const [sector, versions] of inode.pending) {
    const version = versions[Math.floor(random() * (versions.length + 1)) - 1]; // none: the old octets stay
    const at = sector * SECTOR_BYTES;
    if (version !== undefined && at < inode.durable.length) {
      inode.durable.set(version.subarray(0, inode.durable.length - at), at);
    }
  }
  inode.pending.clear();
}

function loseCache(inode: Inode, random: () => number): void {
  settle(inode, random);
  inode.cache = inode.durable.slice();
}

function resized(octets: Uint8Array, lengthBytes: number): Uint8Array {
  if (octets.length === lengthBytes) return octets;
  const next = new Uint8Array(lengthBytes);
  next.set(octets.subarray(0, lengthBytes));
  return next;
}

/** Mulberry32: small, seeded, good enough to choose crash states. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
