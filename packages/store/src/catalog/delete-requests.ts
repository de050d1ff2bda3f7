// Defines how delete requests are stored. Unlike the rest of the catalog, they cannot be rebuilt
// from the segments.

/**
 * `received`: entries are hidden from queries, and the request can be cancelled. `processing`:
 * compaction is removing the entries. `processed`: the entries are gone.
 */
export type DeleteState = 'received' | 'processing' | 'processed'

/** One delete request of a tenant. */
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
  /**
   * Segments with a higher number no longer contain the entries; 0 while the request is `received`. The
   * number is the one in a segment's name, or the version at which the shared catalog entered it.
   */
  readonly sequence: number
}

/**
 * Stores delete requests. Changes are on disk when the method resolves; they reject with
 * StorageUnavailableError if the disk cannot be written.
 */
export interface DeleteRequests {
  /** Adds a new request. Returns `false` if its id is taken. */
  add(request: DeleteRequest): Promise<boolean>
  /** Returns a tenant's requests, oldest first. */
  list(tenant: string): Promise<DeleteRequest[]>
  /** Returns the unprocessed requests of all tenants, oldest first. */
  listPending(): Promise<DeleteRequest[]>
  /** Changes the state of some of a tenant's requests. Returns the sequence that they have now. */
  setState(
    tenant: string,
    ids: readonly string[],
    change: Pick<DeleteRequest, 'state' | 'sequence'>,
  ): Promise<number>
  remove(tenant: string, id: string): Promise<void>
  /** Deletes processed requests that were created before this time. */
  forgetProcessed(beforeMs: number): Promise<void>
}
