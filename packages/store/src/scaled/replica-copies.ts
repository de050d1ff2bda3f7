// The copy of the catalog on the disk of a replica: the one that it had before, one from the bucket, or a new one. A
// copy says of itself which change made it, so a copy of a history that the database has lost is recognized. Such
// copies are worth much: they know what the database lacks.
//
//   <directory>/owner.json   {"store": "<id of the catalog>", "copy": "catalog-1.sqlite"}

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { loadJsonFile, saveJsonFile } from '../bucket/json-file.ts'
import { openSqliteCatalog, type SqliteCatalog } from '../catalog/sqlite.ts'
import { CatalogOwnerError } from '../errors.ts'
import type { Database } from './postgres.ts'
import { bringSharedCopy, listSharedCopies, type SharedCopiesParts } from './shared-copies.ts'

/** What the catalog says of itself. */
export interface Head {
  readonly store: string
  readonly version: number
  readonly floor: number
}

/** Reads the head. @throws CatalogOwnerError if there is none; CatalogUnavailableError. */
export async function readHead(database: Database): Promise<Head> {
  const [row] = await database.query<{ store: string; version: string; floor: string }>({
    text: 'SELECT store, version, floor FROM skald.head',
  })
  if (!row) throw new CatalogOwnerError('the catalog in PostgreSQL has no head')
  return { store: row.store, version: Number(row.version), floor: Number(row.floor) }
}

interface Owner {
  readonly store: string
  readonly copy?: string
}

interface OpenCopy {
  readonly path: string
  readonly copy: SqliteCatalog
}

const names = ['catalog.sqlite', 'catalog-2.sqlite'] as const
const lostName = 'catalog-lost.sqlite'

/** The copies of one replica. */
export class ReplicaCopies {
  readonly #parts: SharedCopiesParts
  #current: OpenCopy | undefined
  /** To become the current one. */
  #next: OpenCopy | undefined
  #store = ''

  constructor(parts: SharedCopiesParts) {
    this.#parts = parts
  }

  /**
   * Opens a copy at a start.
   *
   * @param onLost Called with a copy of a history that the database has lost. Call `settle` once what it knows was
   *   entered again.
   * @throws CatalogOwnerError if no copy can be used; BucketError; CatalogUnavailableError; the system's error.
   */
  async open(onLost: (copy: SqliteCatalog) => Promise<void>): Promise<SqliteCatalog> {
    const { directory, database } = this.#parts
    const { store } = await readHead(database)
    this.#store = store
    const owner = (await loadJsonFile(ownerPath(directory)).catch(() => undefined)) as
      | Owner
      | undefined
    const path = join(directory, owner?.copy ?? names[0])
    const copy = owner?.store === store ? await openWhole(path) : undefined
    const fit = copy && (await fitOf(database, copy))
    if (copy && fit === 'lost') await onLost(copy)
    await this.#findLost(onLost)
    // What is lost must be known at the next start too, until it was entered again.
    if (copy && fit !== 'old') this.#current = { path, copy }
    else await copy?.close()
    if (fit === 'lost') this.#next = await this.#bring()
    else this.#current ??= await this.#bring()
    const used = [this.#current?.path, this.#next?.path]
    for (const name of names) {
      const other = join(directory, name)
      if (!used.includes(other)) await removeCopy(other)
    }
    if (!this.#next) await this.#saveOwner()
    return (this.#next ?? this.#current)!.copy
  }

  /** A copy in the bucket that is newer than the database shows that the database has lost changes. */
  async #findLost(onLost: (copy: SqliteCatalog) => Promise<void>): Promise<void> {
    const { bucket, database, directory } = this.#parts
    const newest = (await listSharedCopies(bucket)).at(-1)
    // After the list, because another replica may have put it there a moment ago.
    if (!newest || newest.version <= (await readHead(database)).version) return
    const path = join(directory, lostName)
    await removeCopy(path)
    if (!(await bringSharedCopy(this.#parts, newest, path))) return
    const copy = await openWhole(path)
    if (copy) await onLost(copy).finally(() => copy.close())
    await removeCopy(path)
  }

  /** Opens one more copy, from the bucket. It becomes the copy of the next start with `settle`. */
  async openNext(): Promise<SqliteCatalog> {
    if (this.#next) {
      await this.#next.copy.close()
      await removeCopy(this.#next.path)
    }
    this.#next = undefined
    this.#next = await this.#bring()
    return this.#next.copy
  }

  /** Closes the copy before, once nobody reads it any more. */
  async settle(): Promise<void> {
    if (!this.#next) return
    const before = this.#current
    this.#current = this.#next
    this.#next = undefined
    await this.#saveOwner()
    await before?.copy.close()
    if (before) await removeCopy(before.path)
  }

  async #saveOwner(): Promise<void> {
    const { directory } = this.#parts
    const copy = names.find(name => join(directory, name) === this.#current?.path)
    await saveJsonFile(ownerPath(directory), { store: this.#store, copy })
  }

  /** Takes the newest copy of the bucket that fits the database, or begins with nothing. */
  async #bring(): Promise<OpenCopy> {
    const { bucket, database, directory } = this.#parts
    const path = names.map(name => join(directory, name)).find(one => one !== this.#current?.path)!
    for (const found of (await listSharedCopies(bucket)).toReversed()) {
      await removeCopy(path)
      if (!(await bringSharedCopy(this.#parts, found, path))) continue
      const copy = await openWhole(path)
      if (copy && (await fitOf(database, copy)) === 'yes') return { path, copy }
      await copy?.close()
    }
    await removeCopy(path)
    const { floor } = await readHead(database)
    if (floor === 0) return { path, copy: openSqliteCatalog(path) }
    throw new CatalogOwnerError(
      `no copy of the catalog in ${bucket.place}scaled/catalog/ can be used, and PostgreSQL keeps only the changes since ${floor}: put the newest copy back`,
    )
  }
}

/** Whether changes of the database can follow a copy. `lost`: it has changes that the database has not. */
async function fitOf(database: Database, copy: SqliteCatalog): Promise<'yes' | 'old' | 'lost'> {
  const { copiedVersion: version, copiedTag: tag } = copy
  const [row] = await database.query<{ version: string; floor: string; at: string | null }>({
    text: `SELECT version, floor, (SELECT skald.tag(id) FROM skald.changes WHERE version = $1) AS at
      FROM skald.head`,
    values: [version],
  })
  const floor = Number(row!.floor)
  if (version > Number(row!.version)) return 'lost'
  if (row!.at !== null && tag !== 0 && Number(row!.at) !== tag) return 'lost'
  if (row!.at === null && version > floor) return 'lost'
  const isKept = row!.at !== null || version === 0
  return isKept && version >= floor ? 'yes' : 'old'
}

/** Opens a copy if there is one, and it is not damaged. */
async function openWhole(path: string): Promise<SqliteCatalog | undefined> {
  if (!existsSync(path)) return undefined
  let copy: SqliteCatalog | undefined
  try {
    copy = openSqliteCatalog(path)
    copy.checkStructure()
    return copy
  } catch {
    // A damaged copy is as good as none.
  }
  await copy?.close()
  return undefined
}

async function removeCopy(path: string): Promise<void> {
  for (const end of ['', '-wal', '-shm']) await rm(`${path}${end}`, { force: true })
}

function ownerPath(directory: string): string {
  return join(directory, 'owner.json')
}
