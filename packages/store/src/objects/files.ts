// The file operations below the segments. Everything that the store does to a segment file passes
// through one of these two sets, so that tests can put a disk that fails in their place.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { copyFile, link, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { makePrivateDirectory } from '@skald/wire'

/** An open file or directory. Positions, lengths and sizes are in bytes. */
export interface OpenFile {
  writev(buffers: readonly Buffer[]): Promise<{ readonly bytesWritten: number }>
  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>
  /** Resolves once the contents would survive a power loss. */
  datasync(): Promise<void>
  /** The same for a directory: resolves once its entries would survive. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** What writes segments. All operations reject with the system's error, which has a `code`. */
export interface StoreFiles {
  open(path: string, flags: string, mode?: number): Promise<OpenFile>
  /** Creates a directory that only its owner may read, unless it exists. */
  makeDirectory(path: string): Promise<void>
  /** Returns the names of the plain files in a directory. */
  list(directory: string): Promise<string[]>
  sizeBytes(path: string): Promise<number>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  /** Gives a file a second name. */
  link(path: string, other: string): Promise<void>
  /** Copies a file, for file systems without second names. */
  copy(path: string, other: string): Promise<void>
}

/** The operating system's files. */
export const systemFiles: StoreFiles = {
  open,
  makeDirectory: async path => makePrivateDirectory(path),
  list: async directory => {
    const entries = await readdir(directory, { withFileTypes: true })
    return entries.filter(entry => entry.isFile()).map(({ name }) => name)
  },
  sizeBytes: async path => (await stat(path)).size,
  rename,
  unlink,
  link,
  copy: copyFile,
}

/** What reads segments in threads, without waiting for others. All throw the system's error. */
export interface ReadFiles {
  open(path: string): number
  read(descriptor: number, buffer: Buffer, offset: number, length: number, position: number): number
  sizeBytes(descriptor: number): number
  close(descriptor: number): void
}

/** The operating system's files. */
export const systemReads: ReadFiles = {
  open: path => openSync(path, 'r'),
  read: readSync,
  sizeBytes: descriptor => fstatSync(descriptor).size,
  close: closeSync,
}
