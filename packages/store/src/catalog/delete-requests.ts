// Requests to delete entries, as they are kept. Unlike all else in the catalog they cannot be made again
// from segments.

/**
 * `received`: hidden from queries, can be taken back. `processing`: compaction is taking the entries out.
 * `processed`: they are gone.
 */
export type DeleteState = 'received' | 'processing' | 'processed'

/** A request of a tenant. */
export interface DeleteRequest {
  readonly id: string
  readonly tenant: string
  /** As the client wrote it. */
  readonly query: string
  /** Milliseconds since 1970, both inclusive. */
  readonly startMs: number
  readonly endMs: number
  readonly createdMs: number
  readonly state: DeleteState
  /** Segments with a higher sequence in their name are free of it; 0 as long as it is `received`. */
  readonly sequence: number
}

/**
 * Where requests are kept. What is answered has reached the disk; changes throw StorageUnavailableError
 * when it cannot be written.
 */
export interface DeleteRequests {
  /** Adds a new request; `false` where its id is taken. */
  add(request: DeleteRequest): Promise<boolean>
  /** A tenant's requests, oldest first. */
  list(tenant: string): Promise<DeleteRequest[]>
  /** What is not processed, of all tenants, oldest first. */
  listPending(): Promise<DeleteRequest[]>
  /** Changes the state of requests of a tenant. */
  setState(
    tenant: string,
    ids: readonly string[],
    change: Pick<DeleteRequest, 'state' | 'sequence'>,
  ): Promise<void>
  remove(tenant: string, id: string): Promise<void>
  /** Forgets requests that were processed and created before a time. */
  forgetProcessed(beforeMs: number): Promise<void>
}
