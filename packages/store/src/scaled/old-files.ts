// What the last process of a replica has left on the disk. There may be tens of thousands of files, so a start only
// moves them away, and they are deleted while the replica is at work.

import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'

/** The files of earlier processes, in the directory `old` of a replica. */
export class OldFiles {
  readonly #directory: string
  readonly #logger: Logger
  #deleting: Promise<void> = Promise.resolve()
  #isClosed = false

  /** @param directory Of the replica. */
  constructor(directory: string, logger: Logger) {
    this.#directory = join(directory, 'old')
    this.#logger = logger
  }

  /** Moves a directory away, if it is there. @throws the system's error. */
  async take(path: string): Promise<void> {
    await mkdir(this.#directory, { recursive: true })
    try {
      await rename(path, join(this.#directory, randomUUID()))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }

  /** Begins to delete all of them, one after the other. */
  startDeleting(): void {
    this.#deleting = this.#delete().catch((error: Error) => {
      this.#logger.warn({ reason: error.message }, 'cannot delete files of an earlier process yet')
    })
  }

  async #delete(): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name)
      for (const file of await readdir(path)) {
        if (this.#isClosed) return
        await rm(join(path, file), { force: true })
      }
      await rm(path, { recursive: true, force: true })
    }
  }

  /** Stops deleting. The next process goes on. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#deleting
  }
}
