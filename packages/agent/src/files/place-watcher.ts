// Watches a few directories that come and go, such as those of file_sd_configs: chokidar notices one that
// appears, whichever of its parents is missing, and one that is removed and made again. It lists a directory
// at each change and takes some megabytes, so it is loaded when the first place is watched, and directories
// of busy logs have `DirectoryWatcher`.

import { statSync } from 'node:fs'
import type { FSWatcher } from 'chokidar'
import type { Logger } from 'pino'
import { identityKey } from './file-identity.ts'

/** Reports changes in directories, whether these are there yet or not. */
export class PlaceWatcher {
  readonly #onChange: () => void
  readonly #logger: Logger
  /** By place, the identity of what is there; empty for nothing. */
  readonly #keys = new Map<string, string>()
  #watcher: Promise<FSWatcher> | undefined
  #hasFailed = false
  #isClosed = false

  constructor(options: {
    /** Called for what appeared, changed or went, perhaps often; once for what is there at first. */
    readonly onChange: () => void
    readonly logger: Logger
  }) {
    this.#onChange = options.onChange
    this.#logger = options.logger
  }

  /** Watches these directories; call it again from time to time, for where the system reports nothing. */
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

  /** Watches a directory, or watches it again where it is another one than before. */
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
