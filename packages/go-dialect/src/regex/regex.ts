// Regular expressions in the RE2 dialect. RE2JS checks the syntax and is the reference engine. V8's engine
// runs instead if the pattern means the same there and takes linear time. Patterns that may take quadratic
// time use V8 only for short texts.

import { RE2JS } from 're2js'
import { RegexSyntaxError } from '../errors.ts'
import {
  cubicLengthMax,
  patternCostMax,
  quadraticLengthMax,
  shownPatternCharsMax,
} from '../limits.ts'
import { compileCost, isPlainList } from './compile-cost.ts'
import { isNullable, searchCost } from './cost.ts'
import { emitLineBytes, emitUnicode } from './emit.ts'
import { expandGoTemplate } from './expand.ts'
import { withUniqueNames } from './group-names.ts'
import { alternativeLiterals, requiredLiterals } from './literals.ts'
import { isSmallForNative } from './native-size.ts'
import { anchorBoth, literalText, simplifyForTest, withoutGroups } from './simplify.ts'
import { parseRegex, type RegexNode } from './syntax.ts'

/** One match. `groups[0]` is all of it; a group that took no part is `undefined`. */
export interface RegexMatch {
  /** Offset of the match in UTF-16 units. */
  readonly index: number
  readonly groups: readonly (string | undefined)[]
}

/** Searches all lines of a block at once, as latin1 text; see `emitLineBytes`. */
export interface BlockSearch {
  /** Has the `g` flag. */
  readonly regex: RegExp
  /** Longest line for which the search is certain to be fast enough. */
  readonly lineLengthMax: number
  /** See LineBytesSource. */
  readonly hasTextAnchor: boolean
  readonly dropsNewline: boolean
}

/** A compiled pattern. */
export interface CompiledRegex {
  /** The pattern as written. */
  readonly source: string
  /** Names of the groups. Index 0 is the whole match and has no name. */
  readonly groupNames: readonly (string | undefined)[]
  /** Texts that are all in every match, longest first. */
  readonly literals: readonly string[]
  /** Texts of which every match contains at least one, if there is a short list. */
  readonly alternatives: readonly string[] | undefined
  /** The text, if the pattern is only that text. */
  readonly literal: string | undefined
  readonly blockSearch: BlockSearch | undefined
  /** Returns true if the text matches: anywhere, or as a whole if anchored. */
  test(text: string): boolean
  /** Like `test`, for UTF-8 bytes. */
  testBytes(bytes: Uint8Array): boolean
  /** Returns the first match. */
  exec(text: string): RegexMatch | undefined
  /** Creates a faster search that returns only some groups. */
  createPicker(groups: readonly number[]): GroupPicker
  /** Replaces every match with the template, filled with its groups (`$1`, `${name}`). */
  replaceAll(text: string, template: string): string
  /** Replaces every match with the result of `replace`. */
  replaceEach(text: string, replace: (match: RegexMatch) => string): string
}

/** Finds the first match and returns selected groups, in ascending order. */
export interface GroupPicker {
  /** Element 0 is the whole match. Returns `undefined` without a match. */
  pick(text: string): readonly (string | undefined)[] | undefined
}

/**
 * Compiles a pattern. With `anchored` it must match whole texts (`^(?:pattern)$`).
 *
 * @throws RegexSyntaxError with Go's text.
 */
export function compileRegex(
  pattern: string,
  options: { readonly anchored?: boolean } = {},
): CompiledRegex {
  const isAnchored = options.anchored === true
  const texts = isAnchored && isPlainList(pattern) ? new Set(pattern.split('|')) : undefined
  if (compileCost(pattern, { anchored: isAnchored }) > patternCostMax) {
    throw new RegexSyntaxError(`error parsing regexp: expression too large: ${quoted(pattern)}`)
  }
  // Check the pattern as written, so that errors show it and `a)(b` is invalid.
  const checked = texts ? undefined : compileRe2(pattern)
  return new Regex(pattern, { checked, texts, isAnchored })
}

function quoted(pattern: string): string {
  if (pattern.length <= shownPatternCharsMax) return `\`${pattern}\``
  return `\`${pattern.slice(0, shownPatternCharsMax)}...\``
}

function compileRe2(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const unique = withUniqueNames(pattern).pattern
    if (why.includes('duplicate capture group name') && unique !== pattern) {
      return compileRe2(unique)
    }
    // Go always shows a part of the pattern, even an empty one. It shows all of it if the pattern is too
    // large or too deep.
    const isTooMuch = why.endsWith('too deeply') || why.endsWith('too large')
    const message = why.endsWith('`') ? why : `${why}: ${quoted(isTooMuch ? pattern : '')}`
    throw new RegexSyntaxError(
      message.startsWith('error parsing') ? message : `error parsing regexp: ${message}`,
      { cause: error },
    )
  }
}

/** Runs a pattern on V8, for texts up to a length. */
interface Fast {
  readonly regex: RegExp | undefined
  readonly lengthMax: number
}

const never: Fast = { regex: undefined, lengthMax: -1 }

// Creates everything on first use, because many patterns are only checked. The JavaScript expressions keep
// state in `lastIndex`.
class Regex implements CompiledRegex {
  readonly source: string
  readonly #checked: RE2JS | undefined
  readonly #texts: ReadonlySet<string> | undefined
  readonly #isAnchored: boolean
  readonly #parsed: ReturnType<typeof parseRegex>
  readonly literal: string | undefined
  #re2: RE2JS | undefined
  #tester: Fast | undefined
  #finder: Fast | undefined
  #groupNames: readonly (string | undefined)[] | undefined
  #blockSearch: { readonly search: BlockSearch | undefined } | undefined

  constructor(
    source: string,
    made: {
      readonly checked: RE2JS | undefined
      /** The texts it matches, if it is anchored and only a list of texts. */
      readonly texts: ReadonlySet<string> | undefined
      readonly isAnchored: boolean
    },
  ) {
    this.source = source
    this.#checked = made.checked
    this.#texts = made.texts
    this.#isAnchored = made.isAnchored
    this.#parsed = parseRegex(source)
    this.literal = this.#parsed && literalText(this.#parsed.root)
  }

  get groupNames(): readonly (string | undefined)[] {
    this.#groupNames ??= this.#parsed
      ? [undefined, ...this.#parsed.groupNames]
      : namesOf(this.#exact(), this.source)
    return this.#groupNames
  }

  get literals(): readonly string[] {
    return this.#parsed ? requiredLiterals(this.#parsed.root) : []
  }

  get alternatives(): readonly string[] | undefined {
    return this.#parsed && alternativeLiterals(this.#parsed.root)
  }

  get blockSearch(): BlockSearch | undefined {
    if (!this.#parsed || this.#isAnchored) return undefined
    this.#blockSearch ??= { search: blockSearchOf(simplifyForTest(this.#parsed.root)) }
    return this.#blockSearch.search
  }

  test(text: string): boolean {
    if (this.#texts) return this.#texts.has(text)
    if (this.literal !== undefined) {
      return this.#isAnchored ? text === this.literal : text.includes(this.literal)
    }
    this.#tester ??= this.#makeTester()
    if (text.length <= this.#tester.lengthMax) return this.#tester.regex!.test(text)
    return this.#exact().test(text)
  }

  testBytes(bytes: Uint8Array): boolean {
    if (this.#texts) return this.#texts.has(textOf(bytes))
    this.#tester ??= this.#makeTester()
    if (bytes.length <= this.#tester.lengthMax) {
      return this.test(textOf(bytes))
    }
    return this.#exact().test(bytes)
  }

  exec(text: string): RegexMatch | undefined {
    this.#finder ??= this.#makeFinder()
    if (text.length > this.#finder.lengthMax) {
      const matcher = this.#exact().matcher(text)
      return matcher.find() ? matchOf(matcher) : undefined
    }
    const finder = this.#finder.regex!
    finder.lastIndex = 0
    const match = finder.exec(text)
    return match ? { index: match.index, groups: match } : undefined
  }

  createPicker(groups: readonly number[]): GroupPicker {
    const sorted = groups.toSorted((a, b) => a - b)
    this.#finder ??= this.#makeFinder()
    if (!this.#parsed || this.#finder.lengthMax < 0) return new Picker(this, sorted, never)
    const root = withoutGroups(this.#parsed.root, new Set(sorted))
    return new Picker(this, sorted, fastOf(this.#isAnchored ? anchorBoth(root) : root, 'u'))
  }

  replaceAll(text: string, template: string): string {
    return this.replaceEach(text, match =>
      expandGoTemplate(template, name => this.#groupOf(match, name)),
    )
  }

  replaceEach(text: string, replace: (match: RegexMatch) => string): string {
    let result = ''
    let copied = 0
    for (const match of this.#matches(text)) {
      result += text.slice(copied, match.index) + replace(match)
      copied = match.index + match.groups[0]!.length
    }
    return copied === 0 && result === '' ? text : result + text.slice(copied)
  }

  // Returns the reference engine.
  #exact(): RE2JS {
    this.#re2 ??=
      this.#checked && !this.#isAnchored ? this.#checked : compileRe2(`^(?:${this.source})$`)
    return this.#re2
  }

  #makeTester(): Fast {
    if (!this.#parsed) return never
    const { root } = this.#parsed
    return fastOf(this.#isAnchored ? anchorBoth(root) : simplifyForTest(root), 'u')
  }

  #makeFinder(): Fast {
    if (!this.#parsed || hasUnequalCaptures(this.#parsed.root)) return never
    const { root } = this.#parsed
    return fastOf(this.#isAnchored ? anchorBoth(root) : root, 'gu')
  }

  #groupOf(match: RegexMatch, name: string): string | undefined {
    if (/^\d+$/.test(name)) return match.groups[Number(name)]
    const index = this.groupNames.lastIndexOf(name)
    return index < 0 ? undefined : match.groups[index]
  }

  // Matches are counted like in Go: no empty match directly after another match.
  *#matches(text: string): Generator<RegexMatch> {
    let previousEnd = -1
    this.#finder ??= this.#makeFinder()
    if (text.length > this.#finder.lengthMax) {
      const matcher = this.#exact().matcher(text)
      while (matcher.find()) {
        const match = matchOf(matcher)
        const end = match.index + match.groups[0]!.length
        if (end > match.index || match.index !== previousEnd) yield match
        previousEnd = end
      }
      return
    }
    const finder = this.#finder.regex!
    for (let at = 0; at <= text.length; ) {
      finder.lastIndex = at
      const match = finder.exec(text)
      if (!match) return
      const end = match.index + match[0].length
      if (end > match.index || match.index !== previousEnd) {
        yield { index: match.index, groups: match }
      }
      previousEnd = end
      at = end > match.index ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1)
    }
  }
}

class Picker implements GroupPicker {
  readonly #regex: Regex
  readonly #groups: readonly number[]
  readonly #fast: Fast

  constructor(regex: Regex, groups: readonly number[], fast: Fast) {
    this.#regex = regex
    this.#groups = groups
    this.#fast = fast
  }

  pick(text: string): readonly (string | undefined)[] | undefined {
    if (text.length <= this.#fast.lengthMax) return this.#fast.regex!.exec(text) ?? undefined
    const match = this.#regex.exec(text)
    return match && [match.groups[0], ...this.#groups.map(group => match.groups[group])]
  }
}

function fastOf(root: RegexNode, flags: string): Fast {
  const lengthMax = lengthMaxOf(root)
  return lengthMax < 0 ? never : { regex: new RegExp(emitUnicode(root), flags), lengthMax }
}

// Returns the longest text for which V8 is certain to be fast, or -1 if there is none.
function lengthMaxOf(root: RegexNode): number {
  if (!isSmallForNative(root)) return -1
  const cost = searchCost(root)
  if (!cost) return -1
  if (cost.degree <= 1) return Number.POSITIVE_INFINITY
  if (cost.degree === 2) return quadraticLengthMax
  return cost.degree === 3 ? cubicLengthMax : -1
}

function blockSearchOf(root: RegexNode): BlockSearch | undefined {
  const lineLengthMax = lengthMaxOf(root)
  const emitted = lineLengthMax < 0 ? undefined : emitLineBytes(root)
  if (!emitted) return undefined
  const { source, hasTextAnchor, dropsNewline } = emitted
  return { regex: new RegExp(source, 'g'), lineLengthMax, hasTextAnchor, dropsNewline }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
}

function namesOf(re2: RE2JS, source: string): (string | undefined)[] {
  const { writtenNames } = withUniqueNames(source)
  const names = new Array<string | undefined>(re2.groupCount() + 1).fill(undefined)
  for (const [name, index] of Object.entries(re2.namedGroups())) {
    names[index] = writtenNames.get(name) ?? name
  }
  return names
}

function matchOf(matcher: ReturnType<RE2JS['matcher']>): RegexMatch {
  const groups: (string | undefined)[] = []
  for (let i = 0; i <= matcher.groupCount(); i++) groups.push(matcher.group(i) ?? undefined)
  return { index: matcher.start(), groups }
}

// A group in a repetition keeps its last text in RE2, but not in JavaScript. They also differ on repetitions
// of parts that may be empty.
function hasUnequalCaptures(node: RegexNode, isRepeated = false): boolean {
  switch (node.kind) {
    case 'empty':
    case 'assert':
    case 'char':
      return false
    case 'group':
      return isRepeated || hasUnequalCaptures(node.body, isRepeated)
    case 'concat':
      return node.parts.some(part => hasUnequalCaptures(part, isRepeated))
    case 'alternate':
      return node.branches.some(branch => hasUnequalCaptures(branch, isRepeated))
    case 'repeat':
      return isNullable(node.body) || hasUnequalCaptures(node.body, isRepeated || node.max > 1)
  }
}
