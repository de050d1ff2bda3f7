// Batches that wait on disk while a server is down (`wal` in the configuration), for files that are deleted
// before it returns. A batch on disk counts as delivered for positions, because it survives the end of its
// file, of the process, and a power loss. Each client has a directory, each batch a file:
//
//   000000000012.batch   {"tenant":"","entries":31,"crc":123,"bytes":4567}\n
//                        then the body, `bytes` long
//
// A file is written under another name, synced and renamed, so a half-written one is never read.

import { readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { open, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { makePrivateDirectory, privateFileMode } from '@skald/wire'
import type { Logger } from 'pino'
import { storedHeaderBytesMax } from '../limits.ts'

/** A batch on disk. */
export interface StoredBatch {
  readonly path: string
  readonly tenant: string
  readonly entryCount: number
  /** Bytes of the body. */
  readonly byteLength: number
}

interface Header {
  readonly tenant: string
  readonly entries: number
  readonly crc: number
  readonly bytes: number
}

export interface DiskBufferOptions {
  readonly dir: string
  /** Most bytes of bodies. Above it, batches stay in memory and reading waits. */
  readonly bytesMax: number
  readonly logger: Logger
  /** Called with the bytes on disk whenever they change. */
  readonly onBytes: (bytes: number) => void
}

const suffix = '.batch'

/** The batches of one client on disk. */
export class DiskBuffer {
  readonly #options: DiskBufferOptions
  /** Batches left by an earlier run, oldest first. */
  readonly recovered: readonly StoredBatch[]
  #sequence = 0
  #bytes = 0
  #hasFailed = false
  /** Writes complete in the order they were requested. */
  #last: Promise<unknown> = Promise.resolve()

  /** @throws the system's error if the directory cannot be created or listed. */
  constructor(options: DiskBufferOptions) {
    this.#options = options
    makePrivateDirectory(options.dir)
    this.recovered = this.#recover()
    this.#add(this.recovered.reduce((sum, { byteLength }) => sum + byteLength, 0))
  }

  #recover(): StoredBatch[] {
    const { dir, logger } = this.#options
    const found: StoredBatch[] = []
    for (const name of readdirSync(dir).sort()) {
      const path = join(dir, name)
      if (name.endsWith('.new')) rmSync(path, { force: true })
      if (!name.endsWith(suffix)) continue
      this.#sequence = Math.max(this.#sequence, Number.parseInt(name, 10) || 0)
      const header = readHeader(readFileSync(path).subarray(0, storedHeaderBytesMax))
      if (!header || statSync(path).size < header.bytes) {
        this.#setAside(path, 'it is cut')
        continue
      }
      const { tenant, entries, bytes } = header
      found.push({ path, tenant, entryCount: entries, byteLength: bytes })
    }
    if (found.length > 0) logger.info({ dir, batches: found.length }, 'Batches found on disk')
    return found
  }

  #add(bytes: number): void {
    this.#bytes += bytes
    this.#options.onBytes(this.#bytes)
  }

  /** Writes a batch. Returns `undefined` if there is no room or the write fails, which is logged once. */
  async store(batch: {
    readonly tenant: string
    readonly entryCount: number
    readonly body: Buffer
  }): Promise<StoredBatch | undefined> {
    const { tenant, entryCount, body } = batch
    const { dir, bytesMax, logger } = this.#options
    if (this.#bytes + body.length > bytesMax) return undefined
    this.#add(body.length)
    const path = join(dir, `${String(++this.#sequence).padStart(12, '0')}${suffix}`)
    const before = this.#last
    const written = before.then(() => writeBatch(path, dir, { tenant, entryCount, body }))
    this.#last = written.catch(() => undefined)
    try {
      await written
      if (this.#hasFailed) logger.info({ dir }, 'Batches can be written to disk again')
      this.#hasFailed = false
      return { path, tenant, entryCount, byteLength: body.length }
    } catch (error) {
      this.#add(-body.length)
      const fields = { dir, error: (error as Error).message }
      if (!this.#hasFailed)
        logger.error(fields, 'Cannot write batch to disk: reading pauses instead')
      this.#hasFailed = true
      return undefined
    }
  }

  /** Reads the body of a batch. If it is damaged or gone, logs that and returns `undefined`. */
  async load({ path, byteLength }: StoredBatch): Promise<Buffer | undefined> {
    try {
      const bytes = await readFile(path)
      const header = readHeader(bytes.subarray(0, storedHeaderBytesMax))
      const body = bytes.subarray(bytes.length - byteLength)
      if (header && header.bytes === body.length && crc32(body) === header.crc) return body
      this.#setAside(path, 'its checksum does not match')
    } catch (error) {
      this.#setAside(path, (error as Error).message)
    }
    this.#add(-byteLength)
    return undefined
  }

  /** Moves a batch that cannot be sent aside, so that a person can look at it. */
  #setAside(path: string, error: string): void {
    try {
      renameSync(path, `${path}.damaged`)
    } catch {
      // It is gone or cannot be renamed. Log it anyway.
    }
    this.#options.logger.error({ path, error }, 'Batch on disk is damaged and will not be sent')
  }

  /** Deletes a delivered batch. */
  async remove({ path, byteLength }: StoredBatch): Promise<void> {
    this.#add(-byteLength)
    try {
      await unlink(path)
    } catch {
      // Already gone. A file that remains is sent again after the next start.
    }
  }

  /** Resolves when all writes have ended. */
  async idle(): Promise<void> {
    await this.#last
  }
}

async function writeBatch(
  path: string,
  dir: string,
  { tenant, entryCount, body }: { tenant: string; entryCount: number; body: Buffer },
): Promise<void> {
  const header: Header = { tenant, entries: entryCount, crc: crc32(body), bytes: body.length }
  const temporary = `${path}.new`
  const file = await open(temporary, 'w', privateFileMode)
  try {
    // Not writev, which may write only part of it.
    await file.writeFile([Buffer.from(`${JSON.stringify(header)}\n`), body])
    await file.sync()
  } catch (error) {
    await unlink(temporary)
    throw error
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  const directory = await open(dir, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function readHeader(bytes: Buffer): Header | undefined {
  try {
    const header = JSON.parse(bytes.toString('utf8', 0, bytes.indexOf(0x0a))) as Partial<Header>
    const { tenant, entries, crc, bytes: byteLength } = header
    const isWhole =
      typeof tenant === 'string' &&
      [entries, crc, byteLength].every(value => Number.isSafeInteger(value) && value! >= 0)
    return isWhole ? (header as Header) : undefined
  } catch {
    // Not a batch, or a damaged one.
    return undefined
  }
}
