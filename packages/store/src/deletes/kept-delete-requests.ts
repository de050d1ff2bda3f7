// Delete requests that are answered once they would survive the loss of this disk. Only what a client is
// answered waits for that: if a state gets lost, compaction does its work again.

import type { DeleteRequest, DeleteRequests } from '../catalog/delete-requests.ts'
import { StorageUnavailableError } from '../errors.ts'

/** The requests of a catalog that is copied elsewhere. */
export class KeptDeleteRequests implements DeleteRequests {
  readonly #requests: DeleteRequests
  readonly #keep: () => Promise<void>

  /** @param keep Copies the catalog as it is. Resolves once the copy is safe. */
  constructor(requests: DeleteRequests, keep: () => Promise<void>) {
    this.#requests = requests
    this.#keep = keep
  }

  async add(request: DeleteRequest): Promise<boolean> {
    const { tenant, id } = request
    if (!(await this.#requests.add(request))) return false
    await this.#keepOr(() => this.#requests.remove(tenant, id))
    return true
  }

  list(tenant: string): Promise<DeleteRequest[]> {
    return this.#requests.list(tenant)
  }

  listPending(): Promise<DeleteRequest[]> {
    return this.#requests.listPending()
  }

  setState(
    tenant: string,
    ids: readonly string[],
    change: Pick<DeleteRequest, 'state' | 'sequence'>,
  ): Promise<number> {
    return this.#requests.setState(tenant, ids, change)
  }

  async remove(tenant: string, id: string): Promise<void> {
    const removed = (await this.#requests.list(tenant)).find(request => request.id === id)
    await this.#requests.remove(tenant, id)
    await this.#keepOr(async () => {
      if (removed) await this.#requests.add(removed)
    })
  }

  forgetProcessed(beforeMs: number): Promise<void> {
    return this.#requests.forgetProcessed(beforeMs)
  }

  /** @throws StorageUnavailableError after it has undone the change. */
  async #keepOr(undo: () => Promise<void>): Promise<void> {
    try {
      await this.#keep()
    } catch (cause) {
      await undo()
      const message = `Cannot store a delete request: ${(cause as Error).message}`
      throw new StorageUnavailableError(message, { cause })
    }
  }
}
