// Watches a few directories that come and go, such as those of file_sd_configs. chokidar notices a
// directory that appears, whichever of its parents is missing, and one that is removed and recreated. It
// lists a directory at each change and takes some megabytes of memory, so it is loaded only with the first
// watched place; directories of busy logs use `DirectoryWatcher`.

import { statSync } from 'node:fs'
import type { FSWatcher } from 'chokidar'
import type { Logger } from 'pino'
import { identityKey } from './file-identity.ts'

/** Reports changes in directories, even in ones that do not exist yet. */
export class PlaceWatcher {
  readonly #onChange: () => void
  readonly #logger: Logger
  /** By place, the identity of the directory there. Empty if there is none. */
  readonly #keys = new Map<string, string>()
  #watcher: Promise<FSWatcher> | undefined
  #hasFailed = false
  #isClosed = false

  constructor(options: {
    /**
     * Called when something appeared, changed or disappeared, possibly often, and once for the initial
     * content.
     */
    readonly onChange: () => void
    readonly logger: Logger
  }) {
    this.#onChange = options.onChange
    this.#logger = options.logger
  }

  /** Watches these directories. Call it again from time to time, in case the system reports nothing. */
  async watch(directories: ReadonlySet<string>): Promise<void> {
    this.#watcher ??= this.#open()
    const watcher = await this.#watcher
    for (const directory of directories) this.#follow(watcher, directory)
  }

  async #open(): Promise<FSWatcher> {
    const { watch } = await import('chokidar')
    const watcher = watch([], { depth: 0, ignorePermissionErrors: true })
    watcher.on('all', event => {
      if (this.#isClosed) return
      if (event.endsWith('Dir')) {
        for (const directory of this.#keys.keys()) this.#follow(watcher, directory)
      }
      this.#onChange()
    })
    watcher.on('error', error => this.#report(error as Error))
    return watcher
  }

  /** Watches a directory, or watches it again if it is a different one now. */
  #follow(watcher: FSWatcher, directory: string): void {
    if (this.#isClosed) return
    const stats = statSync(directory, { bigint: true, throwIfNoEntry: false })
    const key = stats ? `${identityKey(stats)}:${stats.birthtimeNs}` : ''
    const known = this.#keys.get(directory)
    if (known === key) return
    this.#keys.set(directory, key)
    if (known !== undefined) watcher.unwatch(directory)
    watcher.add(directory)
  }

  #report({ message }: Error): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    const what = 'Cannot watch all directories: changes are found by polling'
    this.#logger.warn({ error: message }, what)
  }

  /** Ends the watch. */
  async close(): Promise<void> {
    this.#isClosed = true
    await (await this.#watcher)?.close()
  }
}
