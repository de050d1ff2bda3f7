// Finds the files that match a `__path__` pattern, with doublestar's rules: `*` stays within a name, `**`
// crosses directories, `{a,b}`, `[a-z]` and `?` work as usual. Patterns match leading dots, and the search
// follows links.

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
  /** Returns true if the whole path matches. */
  matches(path: string): boolean
  /** Returns true if something below the path may match. */
  mayMatchBelow(path: string): boolean
  /** Finds matching files. Reports the directories it listed and those it could not read. */
  find(visit: GlobVisit): Promise<string[]>
}

export interface GlobVisit {
  readonly onDirectory?: (path: string) => void
  readonly onUnreadable?: (path: string, error: Error) => void
  /** Shared by patterns that are searched together, so that each directory is listed once. */
  readonly listings?: SharedListings
}

/**
 * Directory listings of one search and the one before. An old listing stays valid while its directory has
 * not changed.
 */
export class SharedListings {
  readonly before: Listings
  readonly now: Listings = new Map()

  constructor(previous?: SharedListings) {
    this.before = previous?.now ?? new Map()
  }
}

/**
 * Compiles a pattern. A relative one starts at the working directory.
 *
 * @throws SyntaxError if a bracket or brace is not closed.
 */
export function compileGlob(pattern: string): Glob {
  checkBrackets(pattern)
  const absolute = resolve(pattern)
  // A path without wildcards stays as written, like in Promtail: `/var//log/a.log`.
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

/** Expands `a{b,c}` to `ab` and `ac`, including nested braces. */
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

/** What a pattern character matches: one character, or any number of them. */
type Sign = 'any' | ((char: string) => boolean)

/**
 * Matches values against a pattern in which `any` stands for any number of values. Only the last `any` is
 * ever extended, so the time is at most the product of both lengths.
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
 * Reads `[a-z]`, `[!a]` or `[^a]` from `at` on. Returns it as a regular expression, with its end. Like in
 * doublestar, `]` inside needs a backslash, and there are no classes such as `[:digit:]`.
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
  // A reversed range is empty.
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

/** Returns true if the names match the start of the pattern and some of the pattern is left. */
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
  // A path that exists exactly as written is used as it is, even with wildcards in it.
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

/** Listings by directory. A listing is valid while the directory's modification time stays the same. */
type Listings = Map<string, Listing>

// Never a real modification time: such a listing is not reused.
const never = -1n

class Walk {
  readonly files = new Set<string>()
  readonly #visit: GlobVisit
  readonly #before: Listings
  /** Listings of this walk, for the next one. */
  readonly listings: Listings

  constructor(visit: GlobVisit, before: Listings) {
    this.#visit = visit
    this.#before = visit.listings?.before ?? before
    this.listings = visit.listings?.now ?? new Map()
  }

  /** Matches the remaining segments, starting from a directory. */
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
      // Synchronous because it is fast and runs for every directory of every search.
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
  // The target of a dangling link may appear without changing this directory.
  return { mtimeNs: hasDangling ? never : mtimeNs, items }
}
