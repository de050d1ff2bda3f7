// Stores delete requests in the catalog's database.

import Database from 'better-sqlite3'
import { StorageUnavailableError } from '../errors.ts'
import type { DeleteChange } from './catalog-changes.ts'
import type { DeleteRequest, DeleteRequests } from './delete-requests.ts'
import { runSynced } from './synced.ts'

/** The columns of a DeleteRequest. */
export const deleteColumns = `id, tenant, query, start_ms AS startMs, end_ms AS endMs, created_ms AS createdMs,
                 state, sequence`

function prepare(database: Database.Database) {
  return {
    add: database.prepare(
      `INSERT OR IGNORE INTO delete_requests
         (id, tenant, query, start_ms, end_ms, created_ms, state, sequence)
       VALUES (@id, @tenant, @query, @startMs, @endMs, @createdMs, @state, @sequence)`,
    ),
    list: database.prepare(
      `SELECT ${deleteColumns} FROM delete_requests WHERE tenant = ? ORDER BY created_ms, number`,
    ),
    listAll: database.prepare(
      `SELECT ${deleteColumns} FROM delete_requests ORDER BY created_ms, number`,
    ),
    listPending: database.prepare(
      `SELECT ${deleteColumns} FROM delete_requests WHERE state <> 'processed' ORDER BY created_ms, number`,
    ),
    setState: database.prepare(
      'UPDATE delete_requests SET state = ?, sequence = ? WHERE tenant = ? AND id = ?',
    ),
    remove: database.prepare('DELETE FROM delete_requests WHERE tenant = ? AND id = ?'),
    forget: database.prepare(
      "DELETE FROM delete_requests WHERE state = 'processed' AND created_ms < ?",
    ),
  }
}

export class SqliteDeleteRequests implements DeleteRequests {
  readonly #database: Database.Database
  readonly #sql: ReturnType<typeof prepare>

  constructor(database: Database.Database) {
    this.#database = database
    this.#sql = prepare(database)
  }

  async add(request: DeleteRequest): Promise<boolean> {
    return this.#synced(() => this.#sql.add.run(request).changes > 0)
  }

  async list(tenant: string): Promise<DeleteRequest[]> {
    return this.#sql.list.all(tenant) as DeleteRequest[]
  }

  async listPending(): Promise<DeleteRequest[]> {
    return this.#sql.listPending.all() as DeleteRequest[]
  }

  /** Returns the requests of all tenants, oldest first. */
  listAll(): DeleteRequest[] {
    return this.#sql.listAll.all() as DeleteRequest[]
  }

  async setState(
    tenant: string,
    ids: readonly string[],
    { state, sequence }: Pick<DeleteRequest, 'state' | 'sequence'>,
  ): Promise<number> {
    this.#synced(() => {
      for (const id of ids) this.#sql.setState.run(state, sequence, tenant, id)
    })
    return sequence
  }

  /**
   * Applies a change of the shared catalog, as part of the caller's transaction. Requests whose entries are being
   * removed get the version of the change as their sequence.
   */
  apply(change: DeleteChange, version: number): boolean {
    switch (change.kind) {
      case 'delete-added':
        return this.#sql.add.run(change.request).changes > 0
      case 'delete-state':
        for (const id of change.ids)
          this.#sql.setState.run(change.state, version, change.tenant, id)
        return true
      case 'delete-removed':
        return this.#sql.remove.run(change.tenant, change.id).changes > 0
      case 'deletes-forgotten':
        return this.#sql.forget.run(change.beforeMs).changes > 0
    }
  }

  async remove(tenant: string, id: string): Promise<void> {
    this.#synced(() => this.#sql.remove.run(tenant, id))
  }

  async forgetProcessed(beforeMs: number): Promise<void> {
    this.#sql.forget.run(beforeMs)
  }

  /**
   * Runs a transaction that waits for the disk, because delete requests cannot be rebuilt from
   * anything else.
   * @throws StorageUnavailableError when the disk cannot be written.
   */
  #synced<T>(work: () => T): T {
    try {
      return runSynced(this.#database, work)
    } catch (cause) {
      if (!(cause instanceof Database.SqliteError)) throw cause
      throw new StorageUnavailableError(`Cannot store a delete request: ${cause.message}`, {
        cause,
      })
    }
  }
}
