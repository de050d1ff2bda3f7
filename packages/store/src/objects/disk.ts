// Stores segments as files in one directory.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makePrivateDirectory, privateFileMode } from '@skald/wire'
import type { Allocate } from '../buffers.ts'
import { diskWriteBytes, openFilesMax } from '../limits.ts'
import type { ObjectInfo, ObjectStore } from './object-store.ts'

/** Opens a directory as an object store and creates it if it is missing. */
export async function openDiskObjectStore(directory: string): Promise<DiskObjectStore> {
  makePrivateDirectory(directory)
  return new DiskObjectStore(directory, await open(directory, 'r'))
}

/** An object store in a local directory. */
export class DiskObjectStore implements ObjectStore {
  readonly directory: string
  readonly #handle: FileHandle

  constructor(directory: string, handle: FileHandle) {
    this.directory = directory
    this.#handle = handle
  }

  async put(name: string, pieces: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void> {
    const path = join(this.directory, name)
    const file = await open(path, 'wx', privateFileMode)
    try {
      await writeAll(file, pieces)
      await file.datasync()
    } catch (error) {
      await file.close()
      await unlink(path).catch(() => {
        // The first error is the one to report. The next start removes the incomplete file.
      })
      throw error
    }
    await file.close()
    // The file's name survives a power loss only after the directory is synced too.
    await this.#handle.sync()
  }

  async read(name: string, offsetBytes: number, length: number): Promise<Buffer> {
    const file = await open(join(this.directory, name), 'r')
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
        await unlink(join(this.directory, name))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
    // Without this, a power loss could bring deleted files back.
    await this.#handle.sync()
  }

  /** Moves a file into `quarantine`, a directory next to this one. */
  async setAside(name: string): Promise<void> {
    const quarantine = join(dirname(this.directory), 'quarantine')
    makePrivateDirectory(quarantine)
    await rename(join(this.directory, name), join(quarantine, name))
    await this.#handle.sync()
  }

  async list(): Promise<ObjectInfo[]> {
    const infos: ObjectInfo[] = []
    for (const entry of await readdir(this.directory, { withFileTypes: true })) {
      if (!entry.isFile()) continue
      const { size } = await stat(join(this.directory, entry.name))
      infos.push({ name: entry.name, sizeBytes: size })
    }
    return infos
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}

async function writeAll(
  file: FileHandle,
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
  /** Name → descriptor, least recently used first. */
  readonly #open = new Map<string, number>()

  constructor(directory: string) {
    this.#directory = directory
  }

  /**
   * Reads a range into memory that `allocate` returns. Returns fewer bytes if the file ends early.
   * @throws the system's error, for example ENOENT.
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
      const count = readSync(descriptor, buffer, filled, length - filled, offsetBytes + filled)
      if (count === 0) break
      filled += count
    }
    return buffer.subarray(0, filled)
  }

  sizeBytes(name: string): number {
    return fstatSync(this.#descriptor(name)).size
  }

  /** Closes all files. The next read opens the file it needs. */
  close(): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor)
    this.#open.clear()
  }

  #descriptor(name: string): number {
    let descriptor = this.#open.get(name)
    if (descriptor !== undefined) {
      // Moves the file to the end of the order of use.
      this.#open.delete(name)
    } else {
      descriptor = openSync(join(this.#directory, name), 'r')
      for (const [oldest, other] of this.#open) {
        if (this.#open.size < openFilesMax) break
        closeSync(other)
        this.#open.delete(oldest)
      }
    }
    this.#open.set(name, descriptor)
    return descriptor
  }
}
