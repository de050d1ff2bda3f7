// Owns the delete requests of all tenants. The catalog stores them; the ones that are not processed
// yet are also in memory, as the rules that queries and compaction follow.

import { randomBytes } from 'node:crypto'
import { parseLogQuery } from '@skald/query'
import type { TimeRange } from '../catalog/catalog.ts'
import type { DeleteRequest, DeleteRequests, DeleteState } from '../catalog/delete-requests.ts'
import { BadRequestError } from '../errors.ts'
import { deleteRequestsMax, processedDeletesKeptMs } from '../limits.ts'
import { createDeleteRule, type DeleteRule } from './delete-rule.ts'

/** A request that is not processed yet, and its rule. */
export interface PendingDelete {
  readonly request: DeleteRequest
  readonly rule: DeleteRule
}

/** A delete request from a client, with a query that is already checked. */
export interface NewDelete {
  readonly tenant: string
  readonly query: string
  readonly startMs: number
  readonly endMs: number
}

export interface DeleteRegistryOptions {
  readonly requests: DeleteRequests
  readonly clock: { now(): number }
}

/** Opens the registry and loads the unprocessed requests from the catalog. */
export async function openDeleteRegistry(options: DeleteRegistryOptions): Promise<DeleteRegistry> {
  const { requests, clock } = options
  await requests.forgetProcessed(clock.now() - processedDeletesKeptMs)
  return new DeleteRegistry(options, await requests.listPending())
}

/** The delete requests of all tenants. Create it with openDeleteRegistry. */
export class DeleteRegistry {
  readonly #options: DeleteRegistryOptions
  /** Tenant → its unprocessed requests, oldest first. */
  readonly #pending = new Map<string, readonly PendingDelete[]>()

  constructor(options: DeleteRegistryOptions, pending: readonly DeleteRequest[]) {
    this.#options = options
    for (const request of pending) this.#remember(request)
  }

  /** The tenants that have unprocessed requests. */
  get tenants(): string[] {
    return [...this.#pending.keys()]
  }

  /** Returns a tenant's unprocessed requests, oldest first. */
  pending(tenant: string): readonly PendingDelete[] {
    return this.#pending.get(tenant) ?? []
  }

  /** Returns the rules that hide entries of a tenant in a time range. */
  rulesFor(tenant: string, { startNs, endNs }: TimeRange): readonly DeleteRule[] {
    const found: DeleteRule[] = []
    for (const { rule } of this.pending(tenant)) {
      if (rule.startNs < endNs && rule.endNs >= startNs) found.push(rule)
    }
    return found
  }

  /**
   * Adds a request. Once this resolves, its entries are hidden and stay hidden.
   * @throws BadRequestError when too many of the tenant's requests are waiting.
   */
  async add(wanted: NewDelete): Promise<void> {
    const { requests, clock } = this.#options
    if (this.pending(wanted.tenant).length >= deleteRequestsMax) {
      throw new BadRequestError(
        `more than ${deleteRequestsMax} delete requests are waiting: cancel some, or wait until they are processed`,
        { code: 'DELETES_TOO_MANY' },
      )
    }
    const createdMs = clock.now()
    for (;;) {
      const id = randomBytes(4).toString('hex')
      const request = { ...wanted, id, createdMs, state: 'received', sequence: 0 } as const
      if (!(await requests.add(request))) continue
      this.#remember(request)
      return
    }
  }

  /**
   * Returns all requests of a tenant, oldest first, including those processed in the last weeks.
   */
  list(tenant: string): Promise<DeleteRequest[]> {
    return this.#options.requests.list(tenant)
  }

  /** Cancels a request. Entries that are not yet deleted become visible again. */
  async cancel(tenant: string, id: string): Promise<void> {
    await this.#options.requests.remove(tenant, id)
    this.#replace(
      tenant,
      this.pending(tenant).filter(({ request }) => request.id !== id),
    )
  }

  /**
   * Records that compaction is removing the entries. Returns their sequence: segments with a higher one no
   * longer contain them. A shared catalog gives another than the one that is passed.
   */
  async begin(tenant: string, ids: readonly string[], sequence: number): Promise<number> {
    return this.#setState(tenant, ids, { state: 'processing', sequence })
  }

  /**
   * Records that all entries of these requests are gone, so that the requests hide nothing any
   * more.
   */
  async finish(tenant: string, ids: readonly string[], sequence: number): Promise<void> {
    await this.#setState(tenant, ids, { state: 'processed', sequence })
  }

  async #setState(
    tenant: string,
    ids: readonly string[],
    change: { readonly state: DeleteState; readonly sequence: number },
  ): Promise<number> {
    const sequence = await this.#options.requests.setState(tenant, ids, change)
    const changed = this.pending(tenant).map(pending =>
      ids.includes(pending.request.id)
        ? { ...pending, request: { ...pending.request, ...change, sequence } }
        : pending,
    )
    this.#replace(
      tenant,
      changed.filter(({ request }) => request.state !== 'processed'),
    )
    return sequence
  }

  /** Reads the unprocessed requests again, because another process may have changed them. */
  async reload(): Promise<void> {
    const pending = await this.#options.requests.listPending()
    this.#pending.clear()
    for (const request of pending) this.#remember(request)
  }

  #remember(request: DeleteRequest): void {
    const { id, tenant, query } = request
    if (this.pending(tenant).some(known => known.request.id === id)) return
    const rule = createDeleteRule({ id, log: parseLogQuery(query) }, request)
    this.#replace(tenant, [...this.pending(tenant), { request, rule }])
  }

  #replace(tenant: string, pending: readonly PendingDelete[]): void {
    if (pending.length > 0) this.#pending.set(tenant, pending)
    else this.#pending.delete(tenant)
  }
}
