// What directories hold, for those who look for rotated files there. One listing serves many: a directory
// with thousands of rotated files takes long to list, and all logs of it may be rotated at once.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { listingRestFactor, quickListingMs, timeStepMs } from '../limits.ts'
import { Sibling } from './sibling.ts'

/** The names of a directory, in order. */
interface Names {
  readonly sorted: readonly string[]
  /** Files by device and inode, once somebody asked. */
  byKey?: Map<string, string>
}

/** A directory as it was at a moment. */
export class DirectoryList {
  readonly #directory: string
  readonly #names: Names
  readonly #siblings = new Map<string, Sibling>()

  constructor(directory: string, names: Names) {
    this.#directory = directory
    this.#names = names
  }

  /** Finds the names that begin so, in their order. */
  withPrefix(prefix: string): Sibling[] {
    const { sorted } = this.#names
    const found: Sibling[] = []
    for (let at = lowerBound(sorted, prefix); sorted[at]?.startsWith(prefix); at++) {
      found.push(this.#sibling(sorted[at]!))
    }
    return found
  }

  /** Finds a file by device and inode, whatever it is called. */
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

/** First index whose name is not less. */
function lowerBound(sorted: readonly string[], name: string): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < name) low = middle + 1
    else high = middle
  }
  return low
}

/** The last listing of a directory that takes long. */
interface Kept {
  readonly names: Names
  readonly list: DirectoryList
  readonly beganMs: number
  /** Not before then again, unless somebody insists. */
  readonly restUntilMs: number
  /** The directory's own time of change before it was listed, unless it may have changed meanwhile. */
  readonly changeNs: bigint | undefined
}

/** Lists directories, those that take long as seldom as may be. */
export class DirectoryLists {
  readonly #kept = new Map<string, Kept>()

  /** Lists a directory now; one that is unreadable holds nothing. */
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

  /** Gives a listing that began at `sinceMs` of `performance.now()` or later; `undefined` while it is too soon for one. */
  since(directory: string, sinceMs: number): DirectoryList | undefined {
    const kept = this.#kept.get(directory)
    if (kept && kept.beganMs >= sinceMs) return kept.list
    if (kept && performance.now() < kept.restUntilMs) return undefined
    return this.fresh(directory)
  }

  /** Gives the last listing, however old, where there is one. */
  last(directory: string): DirectoryList | undefined {
    return this.#kept.get(directory)?.list
  }
}

function namesOf(directory: string): string[] {
  try {
    return readdirSync(directory).sort()
  } catch {
    // Gone or unreadable: nothing can be found there.
    return []
  }
}

/** When names of a directory changed; `undefined` where a further change may have the same time. */
function changeOf(directory: string): bigint | undefined {
  try {
    const { mtimeNs } = statSync(directory, { bigint: true })
    const isOver = Number(mtimeNs / 1_000_000n) < Date.now() - timeStepMs
    return isOver ? mtimeNs : undefined
  } catch {
    return undefined
  }
}
