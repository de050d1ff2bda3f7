// Work that several ask for at the same moment is done once: a dashboard asks the same of the same data
// from many panels and many screens.

interface Run<T> {
  readonly result: Promise<T>
  readonly controller: AbortController
  waiters: number
}

/** Runs by key, as long as they last. */
export class SharedRuns<T> {
  readonly #runs = new Map<string, Run<T>>()

  /** Runs under way. */
  get size(): number {
    return this.#runs.size
  }

  /**
   * Joins the run of this key, or starts it. What it gives is shared and must not be changed. The run is
   * ended when all who wait for it have left.
   *
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
    // Those who wait are told; when nobody does any more, nobody has to know.
    run.result.catch(() => undefined)
    return run
  }

  /** Nobody waits: whoever comes now starts anew. */
  #end(key: string, run: Run<T>): void {
    if (this.#runs.get(key) === run) this.#runs.delete(key)
    run.controller.abort(new DOMException('nobody waits for the result', 'AbortError'))
  }
}
