// Stores segments as files in one directory.

import { dirname, join } from 'node:path'
import { privateFileMode } from '@skald/wire'
import type { Allocate } from '../buffers.ts'
import { diskWriteBytes, openFilesMax } from '../limits.ts'
import {
  type OpenFile,
  type ReadFiles,
  type StoreFiles,
  systemFiles,
  systemReads,
} from './files.ts'
import type { ObjectInfo, ObjectStore } from './object-store.ts'

/**
 * Opens a directory as an object store and creates it if it is missing. Resolves once the directory
 * would survive a power loss.
 */
export async function openDiskObjectStore(
  directory: string,
  files: StoreFiles = systemFiles,
): Promise<DiskObjectStore> {
  await files.makeDirectory(directory)
  // Without this, a power loss could take the directory with all segments in it.
  await syncDirectory(files, dirname(directory))
  await syncDirectory(files, dirname(dirname(directory))).catch(() => {
    // The store may not be allowed to read the directory above its own, which is older than both.
  })
  return reopenDiskObjectStore(directory, files)
}

/** Opens a directory that openDiskObjectStore has already made safe, in this or another thread. */
export async function reopenDiskObjectStore(
  directory: string,
  files: StoreFiles = systemFiles,
): Promise<DiskObjectStore> {
  return new DiskObjectStore(directory, files, await files.open(directory, 'r'))
}

async function syncDirectory(files: StoreFiles, directory: string): Promise<void> {
  const handle = await files.open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** An object store in a local directory. */
export class DiskObjectStore implements ObjectStore {
  readonly directory: string
  readonly #files: StoreFiles
  readonly #handle: OpenFile

  constructor(directory: string, files: StoreFiles, handle: OpenFile) {
    this.directory = directory
    this.#files = files
    this.#handle = handle
  }

  async put(name: string, pieces: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void> {
    const path = join(this.directory, name)
    const file = await this.#files.open(path, 'wx', privateFileMode)
    try {
      await writeAll(file, pieces)
      await file.datasync()
      await file.close()
      // The file's name survives a power loss only after the directory is synced too.
      await this.#handle.sync()
    } catch (error) {
      // After a failed sync nobody knows what is on the disk. So the file goes, and is never synced
      // again or entered.
      await file.close().catch(() => {
        // It may be closed already. The first error is the one to report.
      })
      await this.#files.unlink(path).catch(() => {
        // The next start removes the file, because the catalog does not know it.
      })
      throw error
    }
  }

  async secure(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    for (const name of names) await this.#sync(join(this.directory, name))
    await this.#handle.sync()
  }

  async read(name: string, offsetBytes: number, length: number): Promise<Buffer> {
    const file = await this.#files.open(join(this.directory, name), 'r')
    try {
      const buffer = Buffer.allocUnsafe(length)
      const { bytesRead } = await file.read(buffer, 0, length, offsetBytes)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  }

  async delete(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    for (const name of names) {
      try {
        await this.#files.unlink(join(this.directory, name))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
    // Without this, a power loss could bring deleted files back.
    await this.#handle.sync()
  }

  /** Moves a file into `quarantine`, a directory next to this one. */
  async setAside(name: string): Promise<void> {
    const quarantine = await this.#makeQuarantine()
    await this.#files.rename(join(this.directory, name), join(quarantine, name))
    // The new name comes first: in the other order, a power loss could leave no name at all.
    await syncDirectory(this.#files, quarantine)
    await this.#handle.sync()
  }

  /** Gives a file a second name in `quarantine`, or copies it there if the system has no such names. */
  async keepAside(name: string): Promise<void> {
    const quarantine = await this.#makeQuarantine()
    const path = join(this.directory, name)
    const kept = join(quarantine, name)
    try {
      await this.#files.link(path, kept)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EEXIST') {
        if (code === 'ENOENT' || code === 'ENOSPC' || code === 'EIO') throw error
        await this.#copyAside(path, kept)
      }
    }
    await syncDirectory(this.#files, quarantine)
  }

  async #copyAside(path: string, kept: string): Promise<void> {
    await this.#files.copy(path, kept)
    await this.#sync(kept)
  }

  async #sync(path: string): Promise<void> {
    const file = await this.#files.open(path, 'r')
    try {
      await file.datasync()
    } finally {
      await file.close()
    }
  }

  async #makeQuarantine(): Promise<string> {
    const quarantine = join(dirname(this.directory), 'quarantine')
    await this.#files.makeDirectory(quarantine)
    await syncDirectory(this.#files, dirname(quarantine))
    return quarantine
  }

  async list(): Promise<ObjectInfo[]> {
    const infos: ObjectInfo[] = []
    for (const name of await this.#files.list(this.directory)) {
      infos.push({ name, sizeBytes: await this.#files.sizeBytes(join(this.directory, name)) })
    }
    return infos
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}

async function writeAll(
  file: OpenFile,
  pieces: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<void> {
  let waiting: Buffer[] = []
  let waitingBytes = 0
  const flush = async () => {
    let left = waiting
    let leftBytes = waitingBytes
    waiting = []
    waitingBytes = 0
    while (leftBytes > 0) {
      const { bytesWritten } = await file.writev(left)
      leftBytes -= bytesWritten
      left = dropBytes(left, bytesWritten)
    }
  }
  for await (const piece of pieces) {
    if (piece.length === 0) continue
    waiting.push(piece)
    waitingBytes += piece.length
    if (waitingBytes >= diskWriteBytes) await flush()
  }
  await flush()
}

function dropBytes(buffers: readonly Buffer[], bytes: number): Buffer[] {
  const rest: Buffer[] = []
  let left = bytes
  for (const buffer of buffers) {
    if (left < buffer.length) rest.push(left > 0 ? buffer.subarray(left) : buffer)
    left = Math.max(0, left - buffer.length)
  }
  return rest
}

/** Reads files of a disk object store synchronously, for worker threads. */
export class DiskReader {
  readonly #directory: string
  readonly #files: ReadFiles
  /** Name → descriptor, least recently used first. */
  readonly #open = new Map<string, number>()

  constructor(directory: string, files: ReadFiles = systemReads) {
    this.#directory = directory
    this.#files = files
  }

  /**
   * Reads a range into memory that `allocate` returns. Returns fewer bytes if the file ends early.
   * @throws the system's error, for example ENOENT. An error of a read has `segment` and `offsetBytes`.
   */
  read(
    name: string,
    { offsetBytes, length }: { readonly offsetBytes: number; readonly length: number },
    allocate: Allocate = Buffer.allocUnsafeSlow,
  ): Buffer {
    const descriptor = this.#descriptor(name)
    const buffer = allocate(length)
    let filled = 0
    while (filled < length) {
      const count = this.#readSome(name, buffer, filled, {
        descriptor,
        position: offsetBytes + filled,
      })
      if (count === 0) break
      filled += count
    }
    return buffer.subarray(0, filled)
  }

  /** Errors get the segment and the place, which the system does not know. */
  #readSome(
    segment: string,
    buffer: Buffer,
    filled: number,
    { descriptor, position }: { readonly descriptor: number; readonly position: number },
  ): number {
    try {
      return this.#files.read(descriptor, buffer, filled, buffer.length - filled, position)
    } catch (error) {
      throw Object.assign(error as Error, { segment, offsetBytes: position })
    }
  }

  sizeBytes(name: string): number {
    return this.#files.sizeBytes(this.#descriptor(name))
  }

  /** Closes all files. The next read opens the file it needs. */
  close(): void {
    for (const descriptor of this.#open.values()) this.#files.close(descriptor)
    this.#open.clear()
  }

  #descriptor(name: string): number {
    let descriptor = this.#open.get(name)
    if (descriptor !== undefined) {
      // Moves the file to the end of the order of use.
      this.#open.delete(name)
    } else {
      descriptor = this.#files.open(join(this.#directory, name))
      for (const [oldest, other] of this.#open) {
        if (this.#open.size < openFilesMax) break
        this.#files.close(other)
        this.#open.delete(oldest)
      }
    }
    this.#open.set(name, descriptor)
    return descriptor
  }
}
