// The delete requests of all tenants: kept in the catalog, those that are not processed in memory as
// rules that queries and compaction go by.

import { randomBytes } from 'node:crypto'
import { RowMatcher } from '@skald/query'
import type { TimeRange } from '../catalog/catalog.ts'
import type { DeleteRequest, DeleteRequests, DeleteState } from '../catalog/delete-requests.ts'
import { BadRequestError } from '../errors.ts'
import { deleteRequestsMax, processedDeletesKeptMs } from '../limits.ts'
import { createDeleteRule, type DeleteRule } from './delete-rule.ts'

/** A request that is not processed, and the rule it is. */
export interface PendingDelete {
  readonly request: DeleteRequest
  readonly rule: DeleteRule
}

/** What a client asks for. The query was checked. */
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

/** Opens the registry with what the catalog holds. */
export async function openDeleteRegistry(options: DeleteRegistryOptions): Promise<DeleteRegistry> {
  const { requests, clock } = options
  await requests.forgetProcessed(clock.now() - processedDeletesKeptMs)
  return new DeleteRegistry(options, await requests.listPending())
}

/** See openDeleteRegistry. */
export class DeleteRegistry {
  readonly #options: DeleteRegistryOptions
  /** Oldest first. */
  readonly #pending = new Map<string, readonly PendingDelete[]>()

  constructor(options: DeleteRegistryOptions, pending: readonly DeleteRequest[]) {
    this.#options = options
    for (const request of pending) this.#remember(request)
  }

  /** Tenants with requests that are not processed. */
  get tenants(): string[] {
    return [...this.#pending.keys()]
  }

  /** A tenant's requests that are not processed. */
  pending(tenant: string): readonly PendingDelete[] {
    return this.#pending.get(tenant) ?? []
  }

  /** What is hidden of a tenant's entries in a range. */
  rulesFor(tenant: string, { startNs, endNs }: TimeRange): readonly DeleteRule[] {
    const found: DeleteRule[] = []
    for (const { rule } of this.pending(tenant)) {
      if (rule.startNs < endNs && rule.endNs >= startNs) found.push(rule)
    }
    return found
  }

  /**
   * Adds a request; its entries are hidden when this settles, and stay so.
   *
   * @throws BadRequestError when too many of the tenant are waiting.
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

  /** All requests of a tenant, oldest first, the processed ones of the last weeks among them. */
  list(tenant: string): Promise<DeleteRequest[]> {
    return this.#options.requests.list(tenant)
  }

  /** Takes a request back: what is not deleted yet can be seen again. */
  async cancel(tenant: string, id: string): Promise<void> {
    await this.#options.requests.remove(tenant, id)
    this.#replace(
      tenant,
      this.pending(tenant).filter(({ request }) => request.id !== id),
    )
  }

  /** Says that compaction takes entries out; segments named with a higher sequence are free of them. */
  async begin(tenant: string, ids: readonly string[], sequence: number): Promise<void> {
    await this.#setState(tenant, ids, { state: 'processing', sequence })
  }

  /** Says that all entries of requests are gone: they hide nothing any more. */
  async finish(tenant: string, ids: readonly string[], sequence: number): Promise<void> {
    await this.#setState(tenant, ids, { state: 'processed', sequence })
  }

  async #setState(
    tenant: string,
    ids: readonly string[],
    change: { readonly state: DeleteState; readonly sequence: number },
  ): Promise<void> {
    await this.#options.requests.setState(tenant, ids, change)
    const changed = this.pending(tenant).map(pending =>
      ids.includes(pending.request.id)
        ? { ...pending, request: { ...pending.request, ...change } }
        : pending,
    )
    this.#replace(
      tenant,
      changed.filter(({ request }) => request.state !== 'processed'),
    )
  }

  #remember(request: DeleteRequest): void {
    const { id, tenant, query } = request
    const rule = createDeleteRule({ id, logql: query }, new RowMatcher(query), request)
    this.#replace(tenant, [...this.pending(tenant), { request, rule }])
  }

  #replace(tenant: string, pending: readonly PendingDelete[]): void {
    if (pending.length > 0) this.#pending.set(tenant, pending)
    else this.#pending.delete(tenant)
  }
}
