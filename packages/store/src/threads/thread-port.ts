// A worker thread's side of the border to the main thread.

import { parentPort, workerData } from 'node:worker_threads'

/** The main thread, as a worker sees it. */
export interface ThreadPort<Data, Request, Answer> {
  /** What the thread was started with. */
  readonly data: Data
  answer(answer: Answer): void
  /** Calls `take` for each request, in the order in which they were sent. */
  onRequest(take: (request: Request) => void): void
}

/**
 * Opens the port of this worker thread. The types are those of the messages file that both sides import.
 *
 * @throws TypeError in the main thread.
 */
export function openThreadPort<Data, Request, Answer>(): ThreadPort<Data, Request, Answer> {
  if (!parentPort) throw new TypeError('This file runs in a worker thread only')
  const port = parentPort
  return {
    data: workerData as Data,
    answer: answer => port.postMessage(answer),
    onRequest: take => port.on('message', take),
  }
}
