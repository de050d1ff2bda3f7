// Counts what a query reads from a bucket. Several queries run at a time, so the counts travel with the
// asynchronous calls of each. A range that two queries need is counted for the one that asked first.

import { AsyncLocalStorage } from 'node:async_hooks'

/** Reads of a bucket. */
export interface RemoteWork {
  requests: number
  bytes: number
}

const current = new AsyncLocalStorage<RemoteWork>()

/** Runs something, and adds what it reads from a bucket to `work`. */
export function countRemoteWork<T>(work: RemoteWork, run: () => T): T {
  return current.run(work, run)
}

/** Counts a request for a range of so many bytes. */
export function noteRemoteRead(bytes: number): void {
  const work = current.getStore()
  if (!work) return
  work.requests++
  work.bytes += bytes
}
