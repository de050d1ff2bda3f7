// A task that runs again and again, but never twice at a time: a search for files, a listing of containers.

/** A request during a run triggers another run after it. */
export class RepeatedTask {
  readonly #run: () => Promise<void>
  readonly #isStopped: () => boolean
  #isWanted = false
  #running: Promise<void> | undefined

  /** @param isStopped returns true once no run may begin. */
  constructor(run: () => Promise<void>, isStopped: () => boolean) {
    this.#run = run
    this.#isStopped = isStopped
  }

  /** Whether a run is requested that has not begun. */
  get isWanted(): boolean {
    return this.#isWanted
  }

  /** The runs that are going on, if any. */
  get running(): Promise<void> | undefined {
    return this.#running
  }

  /** Lets another run follow the running one, or the next request. */
  want(): void {
    this.#isWanted = true
  }

  /** Runs the task. Resolves once no run is wanted. */
  request(): Promise<void> {
    this.#isWanted = true
    this.#running ??= this.#runWanted().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #runWanted(): Promise<void> {
    while (this.#isWanted && !this.#isStopped()) {
      this.#isWanted = false
      await this.#run()
    }
  }
}
