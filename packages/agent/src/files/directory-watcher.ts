// Reports changes in directories of busy files as the system announces them: a hint that a name changed, at a
// tenth of the cost of listing the directory. Events may be missing (network file systems, limits on
// watches), so the caller must also look for itself.

import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'
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
   * Watches exactly these directories; for a missing one, its nearest existing parent. Call it again from
   * time to time. Returns true if it started a new watch: earlier changes there were not reported.
   */
  watch(directories: ReadonlySet<string>): boolean {
    const places = new Set([...directories].map(nearestThere))
    for (const directory of this.#watches.keys()) {
      if (!places.has(directory)) this.#forget(directory)
    }
    let isAnyNew = false
    for (const directory of places) if (this.#follow(directory)) isAnyNew = true
    return isAnyNew
  }

  #follow(directory: string): boolean {
    try {
      const key = keyOf(directory)
      const known = this.#watches.get(directory)
      if (known && known.key === key) return false
      if (known) this.#forget(directory)
      if (key === undefined) return false
      const watcher = watch(directory, (_event, name) => {
        if (name === null) return
        // Removal of the directory itself is reported under its own name.
        const isItself = name === basename(directory) && isOther(directory, key)
        this.#onChange(isItself ? directory : join(directory, name))
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

/** Returns the directory or, if it is missing, the nearest existing parent, where it will appear. */
function nearestThere(directory: string): string {
  try {
    let place = directory
    while (!isThere(place) && place !== '/') place = dirname(place)
    return place
  } catch {
    // Watching it will show the problem.
    return directory
  }
}

/** Returns device, inode and birth time of a directory, or undefined if it is missing. */
function keyOf(directory: string): string | undefined {
  const stats = statSync(directory, { bigint: true, throwIfNoEntry: false })
  return stats && `${identityKey(stats)}:${stats.birthtimeNs}`
}

/** Returns true if a directory no longer has this key. */
function isOther(directory: string, key: string): boolean {
  try {
    return keyOf(directory) !== key
  } catch {
    return true
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
