// A disk in memory that remembers what was synced. Its power can be cut at any call: then what was
// not synced is lost, torn at any byte, or kept in any order of pages, and names that were added or
// removed without a sync of their directory are there or not at random. Calls can also fail.

import { basename, dirname } from 'node:path'
import type { Random } from '../../../../bench/random.ts'
import type { OpenFile, ReadFiles, StoreFiles } from '../../src/objects/files.ts'

/** Bytes that reach the medium together. A page may still be torn. */
/** Size of the pages that a system writes. */
export const pageBytes = 4096

/** Returns where the last written byte of a page is: mostly its end, sometimes anywhere. */
export function tornEnd(random: Random, from: number, to: number): number {
  return random.chance(0.2) ? random.between(from, to) : to
}

interface Inode {
  /** What survives for certain. */
  durable: Buffer
  /** What readers see. Writes only append, so it begins with what is durable. */
  current: Buffer
  /**
   * Ranges that a failed sync dropped. The system takes them for written, so that no later sync
   * writes them, and readers see them until the power ends.
   */
  dropped: { readonly from: number; readonly to: number }[]
}

interface EntryChange {
  readonly name: string
  /** Absent if the name was removed. */
  readonly inode: Inode | undefined
}

interface Directory {
  durable: Map<string, Inode>
  current: Map<string, Inode>
  /** Changes since the last sync, oldest first. */
  unsynced: EntryChange[]
  /** Whether the directory itself is in its synced parent. */
  isDurable: boolean
}

/** The kinds of calls, as counted and as they fail. */
export type CallKind =
  | 'open'
  | 'mkdir'
  | 'writev'
  | 'datasync'
  | 'sync'
  | 'rename'
  | 'unlink'
  | 'link'
  | 'list'
  | 'size'
  | 'read'
  | 'catalog'

/** What a plan does at a call: nothing, an error's code, or the end of the power. */
export type CallFate =
  | 'works'
  | 'power ends before'
  | 'power ends within'
  | 'power ends after'
  | { readonly code: string }

/** Decides what happens at each call. */
export type CallPlan = (kind: CallKind, path: string) => CallFate

export class PowerLossError extends Error {
  readonly code = 'POWER_LOSS'

  constructor() {
    super('the power is off')
    this.name = 'PowerLossError'
  }
}

/** A disk for one store. Its paths need not exist anywhere else. */
export class SimulatedDisk {
  readonly #random: Random
  readonly #directories = new Map<string, Directory>()
  readonly #descriptors = new Map<number, Inode>()
  #nextDescriptor = 1
  #isOff = false
  /** Replace it to make calls fail. */
  plan: CallPlan = () => 'works'
  readonly files: StoreFiles
  readonly reads: ReadFiles

  constructor(random: Random) {
    this.#random = random
    this.files = this.#createFiles()
    this.reads = this.#createReads()
  }

  get isOff(): boolean {
    return this.#isOff
  }

  /** Ends the power. All calls fail until `powerOn`. */
  cut(): void {
    this.#isOff = true
  }

  /** Ends the process, but not the power: nothing is lost. */
  restart(): void {
    this.#descriptors.clear()
    this.#isOff = false
  }

  /** Decides what the power loss left, and lets calls work again. */
  powerOn(): void {
    for (const directory of this.#directories.values()) this.#lose(directory)
    for (const [path, directory] of this.#directories) {
      if (!directory.isDurable && this.#random.chance(0.5)) this.#directories.delete(path)
      directory.isDurable = true
    }
    this.restart()
  }

  /**
   * Runs a transaction of the catalog as one call. `onSynced` runs after it, unless the power ends
   * before the transaction is synced.
   */
  async transaction<T>(name: string, work: () => Promise<T>, onSynced: () => void): Promise<T> {
    if (this.#isOff) throw new PowerLossError()
    const fate = this.plan('catalog', name)
    if (typeof fate === 'object') throw systemError(fate.code, 'fsync', name)
    if (fate !== 'power ends before') {
      const result = await work()
      if (fate !== 'power ends within') onSynced()
      if (fate === 'works') return result
    }
    this.#isOff = true
    throw new PowerLossError()
  }

  /** Returns the names in a directory, sorted. */
  names(directory: string): string[] {
    return [...(this.#directories.get(directory)?.current.keys() ?? [])].sort()
  }

  /** Returns the bytes of a file as readers see them. */
  bytes(path: string): Buffer {
    return this.#find(path, 'open').current
  }

  #lose(directory: Directory): void {
    const survivors = new Map(directory.durable)
    // Of the changes of one name, the first few survive. Those of different names are independent.
    for (const name of new Set(directory.unsynced.map(change => change.name))) {
      const changes = directory.unsynced.filter(change => change.name === name)
      const kept = changes[this.#random.between(0, changes.length) - 1]
      if (!kept) continue
      if (kept.inode) survivors.set(name, kept.inode)
      else survivors.delete(name)
    }
    for (const inode of survivors.values()) this.#tear(inode)
    directory.durable = survivors
    directory.current = new Map(survivors)
    directory.unsynced = []
  }

  /** Keeps some pages of what was not synced, and maybe not all of the last one. */
  #tear(inode: Inode): void {
    const { durable, current } = inode
    const random = this.#random
    const kept = Buffer.alloc(current.length)
    durable.copy(kept)
    let end = durable.length
    if (current.length > durable.length) {
      const keeps = random.pick(['none', 'prefix', 'some', 'all'])
      const prefix = durable.length + random.below(current.length - durable.length + 1)
      for (let from = durable.length; from < current.length; ) {
        const to = Math.min(current.length, (Math.floor(from / pageBytes) + 1) * pageBytes)
        const isKept =
          keeps === 'all' ||
          (keeps === 'prefix' && from < prefix) ||
          (keeps === 'some' && random.chance(0.5))
        if (isKept) {
          const cut = keeps === 'prefix' ? Math.min(to, prefix) : tornEnd(random, from, to)
          current.copy(kept, from, from, cut)
          end = Math.max(end, cut)
        }
        from = to
      }
      // A file may have its size without its bytes.
      if (random.chance(0.2)) end = current.length
    }
    for (const { from, to } of inode.dropped) kept.fill(0, from, to)
    inode.durable = kept.subarray(0, end)
    inode.current = inode.durable
    inode.dropped = []
  }

  /** Runs a call as the plan says. `work` gets how much of it happens. */
  #call<T>(kind: CallKind, path: string, work: (share: 'all' | 'some') => T): T {
    if (this.#isOff) throw new PowerLossError()
    const fate = this.plan(kind, path)
    if (fate === 'works') return work('all')
    if (typeof fate === 'object') {
      // A failed write may have written something, and a failed sync may have synced something.
      if (kind === 'writev') work('some')
      if (kind === 'datasync') this.#drop(path)
      throw systemError(fate.code, kind, path)
    }
    if (fate === 'power ends within') work('some')
    if (fate === 'power ends after') work('all')
    this.#isOff = true
    throw new PowerLossError()
  }

  #drop(path: string): void {
    const inode = this.#directories.get(dirname(path))?.current.get(basename(path))
    if (inode) inode.dropped.push({ from: inode.durable.length, to: inode.current.length })
  }

  #directory(path: string): Directory {
    let directory = this.#directories.get(path)
    if (!directory) {
      directory = { durable: new Map(), current: new Map(), unsynced: [], isDurable: false }
      this.#directories.set(path, directory)
    }
    return directory
  }

  #find(path: string, kind: CallKind): Inode {
    const inode = this.#directories.get(dirname(path))?.current.get(basename(path))
    if (!inode) throw systemError('ENOENT', kind, path)
    return inode
  }

  #change(path: string, inode: Inode | undefined): void {
    const { current, unsynced } = this.#directory(dirname(path))
    const name = basename(path)
    unsynced.push({ name, inode })
    if (inode) current.set(name, inode)
    else current.delete(name)
  }

  #syncDirectory(path: string): void {
    const directory = this.#directory(path)
    directory.durable = new Map(directory.current)
    directory.unsynced = []
    for (const [child, other] of this.#directories) {
      if (dirname(child) === path) other.isDurable = true
    }
  }

  #createFiles(): StoreFiles {
    return {
      open: async (path, flags) =>
        this.#call('open', path, share => {
          if (flags === 'wx') {
            if (this.#directories.get(dirname(path))?.current.has(basename(path)))
              throw systemError('EEXIST', 'open', path)
            const inode: Inode = { durable: Buffer.alloc(0), current: Buffer.alloc(0), dropped: [] }
            if (share === 'all' || this.#random.chance(0.5)) this.#change(path, inode)
            return this.#openFile(path, inode)
          }
          const isFile = this.#directories.get(dirname(path))?.current.has(basename(path))
          if (isFile) return this.#openFile(path, this.#find(path, 'open'))
          // A name that ends like a segment's is no directory.
          if (path.endsWith('.seg')) throw systemError('ENOENT', 'open', path)
          this.#directory(path)
          return this.#openDirectory(path)
        }),
      makeDirectory: async path =>
        this.#call('mkdir', path, () => {
          this.#directory(path)
        }),
      list: async path => this.#call('list', path, () => this.names(path)),
      sizeBytes: async path =>
        this.#call('size', path, () => this.#find(path, 'size').current.length),
      rename: async (from, to) =>
        this.#call('rename', from, () => {
          const inode = this.#find(from, 'rename')
          this.#change(to, inode)
          this.#change(from, undefined)
        }),
      unlink: async path =>
        this.#call('unlink', path, () => {
          this.#find(path, 'unlink')
          this.#change(path, undefined)
        }),
      link: async (path, other) =>
        this.#call('link', path, () => {
          const inode = this.#find(path, 'link')
          if (this.#directories.get(dirname(other))?.current.has(basename(other)))
            throw systemError('EEXIST', 'link', other)
          this.#change(other, inode)
        }),
      copy: async path => {
        throw systemError('ENOTSUP', 'link', path)
      },
    }
  }

  #openFile(path: string, inode: Inode): OpenFile {
    return {
      writev: async buffers =>
        this.#call('writev', path, share => {
          const bytes = Buffer.concat(buffers)
          // A short write is no error: its caller writes the rest.
          const isShort = share === 'some' || this.#random.chance(0.1)
          const count = isShort
            ? this.#random.between(share === 'some' ? 0 : 1, bytes.length)
            : bytes.length
          inode.current = Buffer.concat([inode.current, bytes.subarray(0, count)])
          return { bytesWritten: count }
        }),
      read: async (buffer, offset, length, position) =>
        this.#call('read', path, () => ({
          bytesRead: inode.current.copy(buffer, offset, position, position + length),
        })),
      datasync: async () =>
        this.#call('datasync', path, share => {
          if (share === 'all') syncFile(inode)
        }),
      sync: async () =>
        this.#call('datasync', path, share => {
          if (share === 'all') syncFile(inode)
        }),
      close: async () => undefined,
    }
  }

  #openDirectory(path: string): OpenFile {
    const isNoFile = async (): Promise<never> => {
      throw systemError('EISDIR', 'read', path)
    }
    const sync = async () =>
      this.#call('sync', path, share => {
        if (share === 'all') this.#syncDirectory(path)
      })
    return { writev: isNoFile, read: isNoFile, datasync: sync, sync, close: async () => undefined }
  }

  #createReads(): ReadFiles {
    const inodeOf = (descriptor: number) => this.#descriptors.get(descriptor)!
    return {
      open: path =>
        this.#call('open', path, () => {
          const descriptor = this.#nextDescriptor++
          this.#descriptors.set(descriptor, this.#find(path, 'open'))
          return descriptor
        }),
      read: (descriptor, buffer, offset, length, position) =>
        this.#call('read', `${descriptor}`, () =>
          inodeOf(descriptor).current.copy(buffer, offset, position, position + length),
        ),
      sizeBytes: descriptor => inodeOf(descriptor).current.length,
      close: descriptor => void this.#descriptors.delete(descriptor),
    }
  }
}

function syncFile(inode: Inode): void {
  inode.durable = Buffer.from(inode.current)
  for (const { from, to } of inode.dropped) inode.durable.fill(0, from, to)
}

/** Makes an error like the system's. */
function systemError(code: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path })
}
