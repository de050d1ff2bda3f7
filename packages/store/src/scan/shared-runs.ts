// Runs identical work only once when several callers request it at the same time. Dashboards ask for the
// same data from many panels and screens.

interface Run<T> {
  readonly result: Promise<T>
  readonly controller: AbortController
  waiters: number
}

/** Runs in progress, by key. */
export class SharedRuns<T> {
  readonly #runs = new Map<string, Run<T>>()

  /** Number of runs in progress. */
  get size(): number {
    return this.#runs.size
  }

  /**
   * Joins the run with this key, or starts it. The result is shared and must not be changed. The
   * run is aborted once everyone waiting for it has left.
   * @throws the run's error; the signal's reason.
   */
  async join(
    key: string,
    signal: AbortSignal,
    start: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted()
    const run = this.#runs.get(key) ?? this.#begin(key, start)
    run.waiters++
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([run.result, aborted])
    } finally {
      signal.removeEventListener('abort', onAbort)
      run.waiters--
      if (run.waiters === 0) this.#end(key, run)
    }
  }

  #begin(key: string, start: (signal: AbortSignal) => Promise<T>): Run<T> {
    const controller = new AbortController()
    const run: Run<T> = { result: start(controller.signal), controller, waiters: 0 }
    this.#runs.set(key, run)
    // Waiters get the error themselves. Without waiters, nobody needs to know.
    run.result.catch(() => undefined)
    return run
  }

  /** Nobody waits any more: later callers start a new run. */
  #end(key: string, run: Run<T>): void {
    if (this.#runs.get(key) === run) this.#runs.delete(key)
    run.controller.abort(new DOMException('nobody waits for the result', 'AbortError'))
  }
}
