// Contents of directories, for finding rotated files. One listing serves many readers: a directory with
// thousands of rotated files is slow to list, and all its logs may rotate at once.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { listingRestFactor, quickListingMs, timeStepMs } from '../limits.ts'
import { Sibling } from './sibling.ts'

/** The names in a directory, in order. */
interface Names {
  readonly sorted: readonly string[]
  /** Files by device and inode, filled on demand. */
  byKey?: Map<string, string>
}

/** A directory at one moment. */
export class DirectoryList {
  readonly #directory: string
  readonly #names: Names
  readonly #siblings = new Map<string, Sibling>()

  constructor(directory: string, names: Names) {
    this.#directory = directory
    this.#names = names
  }

  /** Returns the files whose names start with a prefix, in order. */
  withPrefix(prefix: string): Sibling[] {
    const { sorted } = this.#names
    const found: Sibling[] = []
    for (let at = lowerBound(sorted, prefix); sorted[at]?.startsWith(prefix); at++) {
      found.push(this.#sibling(sorted[at]!))
    }
    return found
  }

  /** Finds a file by device and inode, under any name. */
  withKey(key: string): Sibling | undefined {
    const names = this.#names
    names.byKey ??= this.#keys()
    const name = names.byKey.get(key)
    return name === undefined ? undefined : this.#sibling(name)
  }

  #keys(): Map<string, string> {
    const byKey = new Map<string, string>()
    for (const name of this.#names.sorted) {
      const { key } = this.#sibling(name)
      if (key !== undefined) byKey.set(key, name)
    }
    return byKey
  }

  #sibling(name: string): Sibling {
    const sibling = this.#siblings.get(name) ?? new Sibling(join(this.#directory, name))
    this.#siblings.set(name, sibling)
    return sibling
  }
}

/** Returns the first index whose name is not smaller. */
function lowerBound(sorted: readonly string[], name: string): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < name) low = middle + 1
    else high = middle
  }
  return low
}

/** The last listing of a slow directory. */
interface Kept {
  readonly names: Names
  readonly list: DirectoryList
  readonly beganMs: number
  /** Not listed again before this time, unless a caller insists. */
  readonly restUntilMs: number
  /** The directory's change time before the listing, unless it may have changed meanwhile. */
  readonly changeNs: bigint | undefined
}

/** Lists directories, and slow ones as rarely as possible. */
export class DirectoryLists {
  readonly #kept = new Map<string, Kept>()

  /** Lists a directory now. An unreadable one is empty. */
  fresh(directory: string): DirectoryList {
    const beganMs = performance.now()
    const changeNs = changeOf(directory)
    const before = this.#kept.get(directory)
    const isSame = changeNs !== undefined && changeNs === before?.changeNs
    const names = isSame ? before.names : { sorted: namesOf(directory) }
    const list = new DirectoryList(directory, names)
    const tookMs = performance.now() - beganMs
    if (isSame) this.#kept.set(directory, { ...before, list, beganMs })
    else if (tookMs < quickListingMs) this.#kept.delete(directory)
    else {
      const restUntilMs = beganMs + tookMs * (1 + listingRestFactor)
      this.#kept.set(directory, { names, list, beganMs, restUntilMs, changeNs })
    }
    return list
  }

  /**
   * Returns a listing that began at `sinceMs` of `performance.now()` or later, or `undefined` if it is too
   * soon for one.
   */
  since(directory: string, sinceMs: number): DirectoryList | undefined {
    const kept = this.#kept.get(directory)
    if (kept && kept.beganMs >= sinceMs) return kept.list
    if (kept && performance.now() < kept.restUntilMs) return undefined
    return this.fresh(directory)
  }

  /** Returns the last listing, however old, if there is one. */
  last(directory: string): DirectoryList | undefined {
    return this.#kept.get(directory)?.list
  }
}

function namesOf(directory: string): string[] {
  try {
    return readdirSync(directory).sort()
  } catch {
    // Gone or unreadable: it has no files.
    return []
  }
}

/**
 * Returns when names in a directory last changed, or `undefined` if a later change could have the same
 * time.
 */
function changeOf(directory: string): bigint | undefined {
  try {
    const { mtimeNs } = statSync(directory, { bigint: true })
    const isOver = Number(mtimeNs / 1_000_000n) < Date.now() - timeStepMs
    return isOver ? mtimeNs : undefined
  } catch {
    return undefined
  }
}
