// Finds the files that a `__path__` pattern matches, as doublestar does: `*` stays within a name, `**`
// crosses directories, `{a,b}`, `[a-z]`, `?`; a leading dot is no exception; links are followed.

import { statSync } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { freshListingMs, globDepthMax } from '../limits.ts'

type Segment =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'pattern'; readonly matches: (name: string) => boolean }
  | { readonly kind: 'any-depth' }

/** A compiled pattern. */
export interface Glob {
  readonly pattern: string
  /** Tells whether a whole path matches. */
  matches(path: string): boolean
  /** Tells whether something below a path may match. */
  mayMatchBelow(path: string): boolean
  /** Finds matching files; tells the directories it looked into, and those it could not read. */
  find(visit: GlobVisit): Promise<string[]>
}

export interface GlobVisit {
  readonly onDirectory?: (path: string) => void
  readonly onUnreadable?: (path: string, error: Error) => void
  /** What patterns that are searched for together share: each directory is listed once. */
  readonly listings?: SharedListings
}

/** Listings of one search, and those of the search before, which hold where nothing changed. */
export class SharedListings {
  readonly before: Listings
  readonly now: Listings = new Map()

  constructor(previous?: SharedListings) {
    this.before = previous?.now ?? new Map()
  }
}

/**
 * Compiles a pattern; a relative one counts from the working directory.
 *
 * @throws SyntaxError when a bracket or brace is not closed.
 */
export function compileGlob(pattern: string): Glob {
  checkBrackets(pattern)
  const absolute = resolve(pattern)
  // Where no search is needed the path stays as it is written, as in Promtail: `/var//log/a.log`.
  const written = isAbsolute(pattern) ? pattern : absolute
  let listings: Listings = new Map()
  const alternatives = expandBraces(absolute).map(text => text.split('/').slice(1).map(readSegment))
  return {
    pattern: absolute,
    matches: path => {
      const names = path.split('/').slice(1)
      return (
        path === absolute ||
        path === written ||
        alternatives.some(segments => matchNames(segments, names))
      )
    },
    mayMatchBelow: path => {
      const names = path.split('/').slice(1)
      return alternatives.some(segments => matchPrefix(segments, names))
    },
    find: async visit => {
      const walk = new Walk(visit, listings)
      const files = await findFiles({ absolute, written }, alternatives, walk)
      if (!visit.listings) listings = walk.listings
      return files
    },
  }
}

function checkBrackets(pattern: string): void {
  let braces = 0
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]
    if (char === '\\') at++
    else if (char === '[') at = readClass(pattern, at).end - 1
    else if (char === '{') braces++
    else if (char === '}' && braces > 0) braces--
  }
  if (braces > 0) throw new SyntaxError(`syntax error in pattern: { is not closed`)
}

/** Writes `a{b,c}` as `ab` and `ac`, inner braces as well. */
function expandBraces(pattern: string): string[] {
  let open = -1
  let depth = 0
  const commas: number[] = []
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]
    if (char === '\\') at++
    else if (char === '{') {
      if (depth++ === 0) open = at
    } else if (char === ',' && depth === 1) commas.push(at)
    else if (char === '}' && depth > 0 && --depth === 0) {
      const head = pattern.slice(0, open)
      const tail = pattern.slice(at + 1)
      const ends = [...commas, at]
      return [open, ...commas].flatMap((comma, i) =>
        expandBraces(head + pattern.slice(comma + 1, ends[i]) + tail),
      )
    }
  }
  return [pattern]
}

function readSegment(text: string): Segment {
  if (text === '**') return { kind: 'any-depth' }
  if (!/[*?[\\]/.test(text)) return { kind: 'name', name: text }
  const signs: Sign[] = []
  for (let at = 0; at < text.length; ) {
    const char = String.fromCodePoint(text.codePointAt(at)!)
    if (char === '[') {
      const found = readClass(text, at)
      const expression = new RegExp(`^${found.source}$`, 'su')
      signs.push(one => expression.test(one))
      at = found.end
      continue
    }
    at += char.length
    if (char === '*') signs.push('any')
    else if (char === '?') signs.push(() => true)
    else if (char !== '\\') signs.push(one => one === char)
    else if (at < text.length) {
      const escaped = String.fromCodePoint(text.codePointAt(at)!)
      at += escaped.length
      signs.push(one => one === escaped)
    }
  }
  const matches = (name: string) =>
    matchSequence([...name], signs, (one, sign) => sign === 'any' || sign(one))
  return { kind: 'pattern', matches }
}

/** What a sign of a pattern stands for: one character, or any number of them. */
type Sign = 'any' | ((char: string) => boolean)

/**
 * Tells whether values are those of a pattern, in which `any` stands for any number of them. Only the last
 * `any` is ever tried with more, so that the time grows with both lengths and no faster.
 */
function matchSequence<V, P>(
  values: readonly V[],
  pattern: readonly (P | 'any')[],
  matches: (value: V, one: P | 'any') => boolean,
): boolean {
  let at = 0
  let anyAt = -1
  let anyEnd = 0
  for (let i = 0; i < values.length; ) {
    const one = pattern[at]
    if (one === 'any') {
      anyAt = at++
      anyEnd = i
    } else if (one !== undefined && matches(values[i]!, one)) {
      at++
      i++
    } else if (anyAt >= 0) {
      at = anyAt + 1
      i = ++anyEnd
    } else return false
  }
  while (pattern[at] === 'any') at++
  return at === pattern.length
}

/**
 * Reads `[a-z]`, `[!a]` or `[^a]`, which begins at `at`: a regular expression for it, and where it ends. As
 * in doublestar `]` stands in it only behind a backslash, and there are no names such as `[:digit:]`.
 */
function readClass(text: string, at: number): { readonly source: string; readonly end: number } {
  const isNegated = text[at + 1] === '!' || text[at + 1] === '^'
  let next = at + (isNegated ? 2 : 1)
  if (text[next] === ']') throw new SyntaxError('syntax error in pattern: [] is empty')
  const take = () => {
    if (text[next] === '\\') next++
    const char = String.fromCodePoint(text.codePointAt(next) ?? 0)
    next += char.length
    return char
  }
  let source = ''
  while (next < text.length && text[next] !== ']') {
    const from = take()
    const isRange = text[next] === '-' && next + 1 < text.length && text[next + 1] !== ']'
    if (isRange) next++
    const to = isRange ? take() : from
    if (from <= to) source += `${literal(from)}-${literal(to)}`
  }
  if (next >= text.length) throw new SyntaxError('syntax error in pattern: [ is not closed')
  // Nothing is in a range that runs backwards.
  if (source === '') source = isNegated ? '.' : '(?!)'
  else source = `[${isNegated ? '^' : ''}${source}]`
  return { source, end: next + 1 }
}

function literal(char: string): string {
  return char === '' ? '' : `\\u{${char.codePointAt(0)!.toString(16)}}`
}

function matchNames(segments: readonly Segment[], names: readonly string[]): boolean {
  const pattern = segments.map(segment => (segment.kind === 'any-depth' ? 'any' : segment))
  return matchSequence(names, pattern, (name, one) => one === 'any' || matchesName(one, name))
}

/** Tells whether names lead into the pattern and leave something of it. */
function matchPrefix(segments: readonly Segment[], names: readonly string[]): boolean {
  const [segment, ...rest] = segments
  if (!segment) return false
  if (segment.kind === 'any-depth') return true
  const [name, ...others] = names
  if (name === undefined) return true
  return matchesName(segment, name) && matchPrefix(rest, others)
}

function matchesName(segment: Segment, name: string): boolean {
  if (segment.kind === 'name') return segment.name === name
  return segment.kind === 'pattern' && segment.matches(name)
}

async function findFiles(
  { absolute, written }: { readonly absolute: string; readonly written: string },
  alternatives: readonly (readonly Segment[])[],
  walk: Walk,
): Promise<string[]> {
  // A path that exists as it is written is taken as it is, whatever signs are in it.
  const needsNoWalk = written !== absolute || /[*?[{]/.test(absolute)
  if (needsNoWalk && (await isThere(written))) return [written]
  for (const segments of alternatives) await walk.step('/', segments, 0, [])
  return [...walk.files]
}

async function isThere(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && !found.isDirectory()
}

interface Listing {
  readonly mtimeNs: bigint
  readonly items: readonly ListedItem[]
}

interface ListedItem {
  readonly name: string
  readonly isDirectory: boolean
}

/** Listings by directory; one holds while the directory's time of change stays. */
type Listings = Map<string, Listing>

// No directory's time of change: such a listing is not used again.
const never = -1n

class Walk {
  readonly files = new Set<string>()
  readonly #visit: GlobVisit
  readonly #before: Listings
  /** What this walk saw, for the next one. */
  readonly listings: Listings

  constructor(visit: GlobVisit, before: Listings) {
    this.#visit = visit
    this.#before = visit.listings?.before ?? before
    this.listings = visit.listings?.now ?? new Map()
  }

  /** Follows the segments from a directory on. */
  async step(
    directory: string,
    segments: readonly Segment[],
    depth: number,
    above: readonly string[],
  ): Promise<void> {
    const [segment, ...rest] = segments
    if (!segment || depth > globDepthMax) return
    if (segment.kind === 'any-depth') {
      if (rest.length > 0) await this.step(directory, rest, depth, above)
      const real = await realpath(directory).catch(() => directory)
      if (above.includes(real)) return
      for (const { name, isDirectory } of await this.#list(directory)) {
        if (isDirectory)
          await this.step(join(directory, name), segments, depth + 1, [...above, real])
        else if (rest.length === 0) this.files.add(join(directory, name))
      }
      return
    }
    if (segment.kind === 'name' && rest.length > 0) {
      await this.step(join(directory, segment.name), rest, depth, above)
      return
    }
    for (const { name, isDirectory } of await this.#list(directory)) {
      if (!matchesName(segment, name)) continue
      if (rest.length === 0) {
        if (!isDirectory) this.files.add(join(directory, name))
      } else if (isDirectory) await this.step(join(directory, name), rest, depth, above)
    }
  }

  async #list(directory: string): Promise<readonly ListedItem[]> {
    const seen = this.listings.get(directory)
    if (seen) return seen.items
    this.#visit.onDirectory?.(directory)
    try {
      // Synchronous, since it is asked for each directory at each search, and quick.
      const stats = statSync(directory, { bigint: true, throwIfNoEntry: false })
      if (!stats?.isDirectory()) return []
      const { mtimeNs } = stats
      const known = this.#before.get(directory)
      const isFresh = Date.now() - Number(mtimeNs / 1_000_000n) < freshListingMs
      const isSame = known?.mtimeNs === mtimeNs && !isFresh
      const listing = isSame ? known : await read(directory, isFresh ? never : mtimeNs)
      this.listings.set(directory, listing)
      return listing.items
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ELOOP') {
        this.#visit.onUnreadable?.(directory, error as Error)
      }
      return []
    }
  }
}

async function read(directory: string, mtimeNs: bigint): Promise<Listing> {
  const entries = await readdir(directory, { withFileTypes: true })
  let hasDangling = false
  const items = await Promise.all(
    entries.map(async entry => {
      if (!entry.isSymbolicLink()) return { name: entry.name, isDirectory: entry.isDirectory() }
      const target = await stat(join(directory, entry.name)).catch(() => undefined)
      if (!target) hasDangling = true
      return { name: entry.name, isDirectory: target?.isDirectory() ?? false }
    }),
  )
  // What a link leads to may appear without a change of this directory.
  return { mtimeNs: hasDangling ? never : mtimeNs, items }
}
