// Tells of changes in directories as the system reports them. Reports may be missing (network file
// systems, limits on watches): whoever listens must look for himself as well.

import { join } from 'node:path'
import { type FSWatcher, watch } from 'chokidar'
import type { Logger } from 'pino'

/** Watches a set of directories, not what is below them. */
export class DirectoryWatcher {
  readonly #onChange: (path: string) => void
  readonly #logger: Logger
  readonly #watched = new Set<string>()
  #watcher: FSWatcher | undefined
  #hasFailed = false

  constructor(options: {
    /** Called with the path of what appeared, changed or went, perhaps often. */
    readonly onChange: (path: string) => void
    readonly logger: Logger
  }) {
    this.#onChange = options.onChange
    this.#logger = options.logger
  }

  /** Watches these directories and no others. */
  watch(directories: ReadonlySet<string>): void {
    const added = [...directories].filter(directory => !this.#watched.has(directory))
    const removed = [...this.#watched].filter(directory => !directories.has(directory))
    for (const directory of removed) this.#watched.delete(directory)
    for (const directory of added) this.#watched.add(directory)
    if (removed.length > 0) this.#watcher?.unwatch(removed)
    if (added.length === 0) return
    this.#watcher ??= this.#start()
    this.#watcher.add(added)
  }

  #start(): FSWatcher {
    const watcher = watch([], {
      depth: 0,
      ignoreInitial: true,
      followSymlinks: true,
      ignorePermissionErrors: true,
      atomic: false,
      // Files are not watched one by one: the watch of their directory reports them.
      ignored: (_path, stats) => stats !== undefined && !stats.isDirectory(),
    })
    watcher.on('raw', (_event, name, details) => {
      const directory = (details as { watchedPath?: string }).watchedPath
      if (directory && typeof name === 'string') this.#onChange(join(directory, name))
    })
    watcher.on('error', error => {
      if (this.#hasFailed) return
      this.#hasFailed = true
      const fields = { error: (error as Error).message }
      this.#logger.warn(fields, 'Cannot watch all directories: changes are found by polling')
    })
    return watcher
  }

  async close(): Promise<void> {
    await this.#watcher?.close()
  }
}
