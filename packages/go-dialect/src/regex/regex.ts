// Regular expressions of the RE2 dialect. RE2JS checks the syntax and is the engine that is always
// right; V8's engine runs instead where the pattern means the same to it and cannot take more than
// linear time (for patterns that may take quadratic time: on short texts only, which bounds it).

import { RE2JS } from 're2js'
import { RegexSyntaxError } from '../errors.ts'
import { compileCost, isPlainList, patternCostMax } from './compile-cost.ts'
import { isNullable, searchCost } from './cost.ts'
import { emitLineBytes, emitUnicode } from './emit.ts'
import { expandGoTemplate } from './expand.ts'
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

/** Searches the lines of a block at once, as latin1 text; see `emitLineBytes`. */
export interface BlockSearch {
  /** Has the flag `g`. */
  readonly regex: RegExp
  /** Longest line for which the search is certain to be quick enough. */
  readonly lineLengthMax: number
  /** See LineBytesSource. */
  readonly hasTextAnchor: boolean
  readonly dropsNewline: boolean
}

/** A pattern ready to run. */
export interface CompiledRegex {
  /** The pattern as it was written. */
  readonly source: string
  /** Names of the groups; index 0 stands for the whole match and has none. */
  readonly groupNames: readonly (string | undefined)[]
  /** Texts that all occur in whatever matches, longest first. */
  readonly literals: readonly string[]
  /** Texts one of which occurs in whatever matches, where such a short list is known. */
  readonly alternatives: readonly string[] | undefined
  /** The text the pattern stands for, where it is nothing but that text. */
  readonly literal: string | undefined
  readonly blockSearch: BlockSearch | undefined
  /** Tells whether the text matches (anywhere in it, or as a whole where anchored). */
  test(text: string): boolean
  /** Tells the same of UTF-8 bytes. */
  testBytes(bytes: Uint8Array): boolean
  /** Finds the first match. */
  exec(text: string): RegexMatch | undefined
  /** Makes a search that finds some groups only, which is quicker. */
  createPicker(groups: readonly number[]): GroupPicker
  /** Replaces every match by the template filled with its groups (`$1`, `${name}`). */
  replaceAll(text: string, template: string): string
  /** Replaces every match by what `replace` makes of it. */
  replaceEach(text: string, replace: (match: RegexMatch) => string): string
}

/** Finds the first match, and in it the groups that it was made for, in ascending order. */
export interface GroupPicker {
  /** Element 0 is all of the match; `undefined` where there is none. */
  pick(text: string): readonly (string | undefined)[] | undefined
}

/** Texts of this length at most go to V8 where a pattern may need time quadratic in the length. */
const quadraticLengthMax = 2_048
const cubicLengthMax = 160

/**
 * Compiles a pattern. With `anchored` it has to match whole texts (`^(?:pattern)$`).
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
  // Checked as it stands, so that errors show what was written and `a)(b` is none.
  const checked = texts ? undefined : compileRe2(pattern)
  return new Regex(pattern, { checked, texts, isAnchored })
}

// Errors show patterns up to this length in full, which is where Go never stops.
const shownLengthMax = 1_000

function quoted(pattern: string): string {
  if (pattern.length <= shownLengthMax) return `\`${pattern}\``
  return `\`${pattern.slice(0, shownLengthMax)}...\``
}

function compileRe2(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    // Go always shows a part of the pattern, be it an empty one; all of it where it is too much.
    const isTooMuch = why.endsWith('too deeply') || why.endsWith('too large')
    const message = why.endsWith('`') ? why : `${why}: ${quoted(isTooMuch ? pattern : '')}`
    throw new RegexSyntaxError(
      message.startsWith('error parsing') ? message : `error parsing regexp: ${message}`,
      { cause: error },
    )
  }
}

/** A way to run a pattern on V8, for texts up to a length. */
interface Fast {
  readonly regex: RegExp | undefined
  readonly lengthMax: number
}

const never: Fast = { regex: undefined, lengthMax: -1 }

// Everything is made when it is first needed: many patterns are only checked. The JavaScript
// expressions have `lastIndex` as state.
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
      /** What it matches, where it is anchored and nothing but these. */
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
      : namesOf(this.#exact())
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

  // The engine that is always right.
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

  // As Go counts matches: none of length zero right behind another match.
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

// Longest text on which V8 is certain to be quick; -1 where no length is.
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

function namesOf(re2: RE2JS): (string | undefined)[] {
  const names = new Array<string | undefined>(re2.groupCount() + 1).fill(undefined)
  for (const [name, index] of Object.entries(re2.namedGroups())) names[index] = name
  return names
}

function matchOf(matcher: ReturnType<RE2JS['matcher']>): RegexMatch {
  const groups: (string | undefined)[] = []
  for (let i = 0; i <= matcher.groupCount(); i++) groups.push(matcher.group(i) ?? undefined)
  return { index: matcher.start(), groups }
}

// A group inside a repetition keeps its last text in RE2 and forgets it in JavaScript, and the two
// differ on repetitions of what may be empty.
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
