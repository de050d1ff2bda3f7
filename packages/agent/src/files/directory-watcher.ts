// Reports changes in directories of busy files as the system announces them: a hint that a name changed, at a
// tenth of the cost of listing the directory. Events may be missing (network file systems, limits on
// watches), so the caller must also look for itself.

import { type FSWatcher, statfsSync, statSync, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Logger } from 'pino'
import { identityKey } from './file-identity.ts'

interface Watch {
  readonly watcher: FSWatcher
  /** Device, inode and birth time of the watched directory. A recreated directory is a different one. */
  readonly key: string
  /** True if the system reports every change in it, because nobody else can change it. */
  readonly isLocal: boolean
}

/** Types of local file systems, as Linux numbers them: ext, xfs, btrfs, tmpfs, f2fs, zfs, bcachefs. */
const localTypes = new Set([
  ...[0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010, 0x2fc12fc1, 0xca451a4e],
])

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
   * time to time. Returns the places where it started a watch: earlier changes there were not reported.
   */
  watch(directories: ReadonlySet<string>): ReadonlySet<string> {
    const places = new Set([...directories].map(nearestThere))
    for (const directory of this.#watches.keys()) {
      if (!places.has(directory)) this.#forget(directory)
    }
    return new Set([...places].filter(directory => this.#follow(directory)))
  }

  /** Returns true if every change in a directory is reported: it is watched, and local. */
  reportsAll(directory: string): boolean {
    return this.#watches.get(directory)?.isLocal === true
  }

  #follow(directory: string): boolean {
    try {
      const key = keyOf(directory)
      const known = this.#watches.get(directory)
      if (known && known.key === key) return false
      if (known) this.#forget(directory)
      if (key === undefined) return false
      const ownName = basename(directory)
      // Thousands of changes a second may be reported.
      const prefix = join(directory, 'x').slice(0, -1)
      const watcher = watch(directory, (_event, name) => {
        if (name === null) return
        // Removal of the directory itself is reported under its own name.
        const isItself = name === ownName && isOther(directory, key)
        this.#onChange(isItself ? directory : prefix + name)
      })
      watcher.on('error', error => {
        this.#forget(directory)
        this.#report(error)
      })
      const isLocal = localTypes.has(statfsSync(directory).type)
      this.#watches.set(directory, { watcher, key, isLocal })
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
