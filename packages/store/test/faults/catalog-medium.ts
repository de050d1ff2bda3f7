// What a power loss leaves of a catalog. SQLite writes its files itself, so this keeps copies of them
// from after each transaction that was synced. Of what came later, a random part survives: its
// frames carry checksums, and SQLite ignores what does not fit together.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Random } from '../../../../bench/random.ts'
import { pageBytes, tornEnd } from './simulated-disk.ts'

interface CatalogBytes {
  readonly database: Buffer
  readonly log: Buffer
}

/** Of SQLite's write-ahead log: two salts in it change when it begins again. */
const logHeaderBytes = 32

/** The two files of one catalog. */
export class CatalogMedium {
  readonly #path: string
  readonly #random: Random
  #synced: CatalogBytes

  constructor(path: string, random: Random) {
    this.#path = path
    this.#random = random
    this.#synced = this.#read()
  }

  /** Remembers the files as they are, because everything in them was synced. */
  sync(): void {
    this.#synced = this.#read()
  }

  /** Returns what a power loss now would leave. Call it before the catalog is closed. */
  lose(): CatalogBytes {
    const synced = this.#synced
    const current = this.#read()
    // Until something is synced, not even the names of the files are.
    const isNew = synced.database.length === 0 && synced.log.length === 0
    if (isNew && this.#random.chance(0.3)) return synced
    // When the log begins again, its header is synced before its frames. The database changes only
    // in `checkpoint`, and its first page is synced when it is made.
    const log = this.#mix(synced.log, current.log)
    current.log.copy(log, 0, 0, Math.min(logHeaderBytes, log.length))
    return { database: current.database, log }
  }

  /**
   * Writes the log into the database, as SQLite does by itself after some megabytes. It syncs the
   * log before, and the database after. Returns what a power loss within would leave.
   */
  checkpoint(run: () => void): CatalogBytes {
    const before = this.#read()
    run()
    this.#synced = this.#read()
    return { database: this.#mix(before.database, this.#synced.database), log: before.log }
  }

  /** Returns the files as the end of the process leaves them. Call it before the catalog is closed. */
  keep(): CatalogBytes {
    return this.#read()
  }

  /** Puts the files back after the end of a process, which syncs nothing. */
  restoreUnsynced(bytes: CatalogBytes): void {
    const synced = this.#synced
    this.restore(bytes)
    this.#synced = synced
  }

  /** Puts the files back as a power loss left them. The catalog must be closed. */
  restore({ database, log }: CatalogBytes): void {
    for (const end of ['', '-wal', '-shm']) rmSync(`${this.#path}${end}`, { force: true })
    if (database.length === 0 && log.length === 0) return
    writeFileSync(this.#path, database)
    if (log.length > 0) writeFileSync(`${this.#path}-wal`, log)
    this.#synced = { database, log }
  }

  #read(): CatalogBytes {
    const read = (path: string) => (existsSync(path) ? readFileSync(path) : Buffer.alloc(0))
    return { database: read(this.#path), log: read(`${this.#path}-wal`) }
  }

  /** Takes each page from one or the other, and cuts the new end at any byte. */
  #mix(synced: Buffer, current: Buffer): Buffer {
    const random = this.#random
    const keeps = random.pick(['none', 'prefix', 'some', 'all'])
    if (keeps === 'none') return Buffer.from(synced)
    if (keeps === 'all') return Buffer.from(current)
    const mixed = Buffer.alloc(Math.max(synced.length, current.length))
    synced.copy(mixed)
    let end = synced.length
    const prefix = random.below(current.length + 1)
    for (let from = 0; from < current.length; from += pageBytes) {
      const to = Math.min(current.length, from + pageBytes)
      if (keeps === 'prefix' ? from >= prefix : random.chance(0.5)) continue
      const cut = keeps === 'prefix' ? Math.min(to, prefix) : tornEnd(random, from, to)
      current.copy(mixed, from, from, cut)
      end = Math.max(end, cut)
    }
    return mixed.subarray(0, end)
  }
}
