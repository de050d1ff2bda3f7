// The delete requests of the shared catalog: read from the copy, written as changes.

import type { DeleteChange } from '../catalog/catalog-changes.ts'
import type { DeleteRequest, DeleteRequests } from '../catalog/delete-requests.ts'
import { StorageUnavailableError } from '../errors.ts'

export interface SharedDeleteRequestsParts {
  /** Returns the requests of the copy. */
  readonly copy: () => DeleteRequests
  readonly refresh: () => Promise<unknown>
  /** Makes a change, and brings the copy up to it. `rules`: merges that do not know it must not end. */
  readonly record: (
    change: DeleteChange,
    kind?: 'rules',
  ) => Promise<{ readonly version: number; readonly outcome: boolean }>
}

/** Requests that all replicas see. */
export class SharedDeleteRequests implements DeleteRequests {
  readonly #parts: SharedDeleteRequestsParts

  constructor(parts: SharedDeleteRequestsParts) {
    this.#parts = parts
  }

  async add(request: DeleteRequest): Promise<boolean> {
    return (await this.#record({ kind: 'delete-added', request })).outcome
  }

  async list(tenant: string): Promise<DeleteRequest[]> {
    await this.#parts.refresh()
    return this.#parts.copy().list(tenant)
  }

  /** Returns a tenant's requests, as the copy knows them. */
  known(tenant: string): Promise<DeleteRequest[]> {
    return this.#parts.copy().list(tenant)
  }

  listPending(): Promise<DeleteRequest[]> {
    return this.#parts.copy().listPending()
  }

  async setState(
    tenant: string,
    ids: readonly string[],
    { state }: Pick<DeleteRequest, 'state' | 'sequence'>,
  ): Promise<number> {
    const kind = state === 'processing' ? 'rules' : undefined
    return (await this.#record({ kind: 'delete-state', tenant, ids, state }, kind)).version
  }

  async remove(tenant: string, id: string): Promise<void> {
    await this.#record({ kind: 'delete-removed', tenant, id })
  }

  async forgetProcessed(beforeMs: number): Promise<void> {
    // It only shortens a list for people, and the next start does it again.
    await this.#record({ kind: 'deletes-forgotten', beforeMs }).catch(() => undefined)
  }

  /** @throws StorageUnavailableError when the catalog does not answer. */
  async #record(change: DeleteChange, kind?: 'rules') {
    try {
      return await this.#parts.record(change, kind)
    } catch (cause) {
      const message = `Cannot store a delete request: ${(cause as Error).message}`
      throw new StorageUnavailableError(message, { cause })
    }
  }
}
