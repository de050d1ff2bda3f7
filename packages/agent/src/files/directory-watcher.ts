// Reports changes in directories as the system announces them. Events may be missing (network file systems,
// limits on watches), so listeners must also look for themselves now and then.

import { type FSWatcher, statSync, watch } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { identityKey } from './file-identity.ts'

interface Watch {
  readonly watcher: FSWatcher
  /** Device, inode and birth time of the watched directory. A recreated directory is a different one. */
  readonly key: string
}

/** Watches a set of directories, without their subdirectories. */
export class DirectoryWatcher {
  readonly #onChange: (path: string) => void
  readonly #logger: Logger
  readonly #watches = new Map<string, Watch>()
  #hasFailed = false

  constructor(options: {
    /** Called with the path of whatever appeared, changed or disappeared, possibly often. */
    readonly onChange: (path: string) => void
    readonly logger: Logger
  }) {
    this.#onChange = options.onChange
    this.#logger = options.logger
  }

  /**
   * Watches exactly these directories. Call it again from time to time. Returns true if it started a new
   * watch: earlier events in that directory were not reported.
   */
  watch(directories: ReadonlySet<string>): boolean {
    for (const directory of this.#watches.keys()) {
      if (!directories.has(directory)) this.#forget(directory)
    }
    let isAnyNew = false
    for (const directory of directories) if (this.#follow(directory)) isAnyNew = true
    return isAnyNew
  }

  #follow(directory: string): boolean {
    try {
      const stats = statSync(directory, { bigint: true, throwIfNoEntry: false })
      const key = stats && `${identityKey(stats)}:${stats.birthtimeNs}`
      const known = this.#watches.get(directory)
      if (known && known.key === key) return false
      if (known) this.#forget(directory)
      if (key === undefined) return false
      const watcher = watch(directory, (_event, name) => {
        if (name !== null) this.#onChange(join(directory, name))
      })
      watcher.on('error', error => {
        this.#forget(directory)
        this.#report(error)
      })
      this.#watches.set(directory, { watcher, key })
      return true
    } catch (error) {
      this.#report(error as Error)
      return false
    }
  }

  #report({ message }: Error): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    const what = 'Cannot watch all directories: changes are found by polling'
    this.#logger.warn({ error: message }, what)
  }

  #forget(directory: string): void {
    this.#watches.get(directory)?.watcher.close()
    this.#watches.delete(directory)
  }

  /** Ends all watches. */
  close(): void {
    for (const directory of this.#watches.keys()) this.#forget(directory)
  }
}
