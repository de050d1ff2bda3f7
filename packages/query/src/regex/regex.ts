// Regular expressions of the RE2 dialect. RE2JS checks the syntax and is the engine that is always
// right; V8's engine runs instead where the pattern means the same to it and cannot take more than
// linear time (for patterns that may take quadratic time: on short texts only, which bounds it).

import { RE2JS } from 're2js'
import { isNullable, searchCost } from './cost.ts'
import { emitLineBytes, emitUnicode } from './emit.ts'
import { expandGoTemplate } from './expand.ts'
import { alternativeLiterals, requiredLiterals } from './literals.ts'
import { anchorBoth, literalText, simplifyForTest } from './simplify.ts'
import { parseRegex, type RegexNode } from './syntax.ts'

/** Says that a text is no RE2 pattern; the message is Go's: ``error parsing regexp: ...: `(` ``. */
export class RegexSyntaxError extends SyntaxError {
  readonly code = 'REGEX_SYNTAX'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RegexSyntaxError'
  }
}

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
  /** Replaces every match by the template filled with its groups (`$1`, `${name}`). */
  replaceAll(text: string, template: string): string
  /** Replaces every match by what `replace` makes of it. */
  replaceEach(text: string, replace: (match: RegexMatch) => string): string
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
  // Checked as it stands, so that errors show what was written and `a)(b` is none.
  const checked = compileRe2(pattern)
  const re2 = options.anchored ? compileRe2(`^(?:${pattern})$`) : checked
  const parsed = parseRegex(pattern)
  return new Regex(pattern, { re2, parsed, isAnchored: options.anchored === true })
}

function compileRe2(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    // Go always shows a part of the pattern, be it an empty one.
    const message = why.endsWith('`') ? why : `${why}: \`\``
    throw new RegexSyntaxError(
      message.startsWith('error parsing') ? message : `error parsing regexp: ${message}`,
      { cause: error },
    )
  }
}

interface RegexParts {
  readonly re2: RE2JS
  readonly parsed: ReturnType<typeof parseRegex>
  readonly isAnchored: boolean
}

// Guards the JavaScript expressions, whose `lastIndex` is state.
class Regex implements CompiledRegex {
  readonly source: string
  readonly groupNames: readonly (string | undefined)[]
  readonly literals: readonly string[]
  readonly alternatives: readonly string[] | undefined
  readonly literal: string | undefined
  readonly blockSearch: BlockSearch | undefined
  readonly #re2: RE2JS
  readonly #tester: RegExp | undefined
  readonly #testLengthMax: number
  readonly #finder: RegExp | undefined
  readonly #findLengthMax: number
  readonly #isAnchored: boolean

  constructor(source: string, { re2, parsed, isAnchored }: RegexParts) {
    this.source = source
    this.#re2 = re2
    this.#isAnchored = isAnchored
    this.groupNames = parsed ? [undefined, ...parsed.groupNames] : namesOf(re2)
    this.literals = parsed ? requiredLiterals(parsed.root) : []
    this.alternatives = parsed && alternativeLiterals(parsed.root)
    this.literal = parsed && literalText(parsed.root)
    if (!parsed) {
      this.#testLengthMax = -1
      this.#findLengthMax = -1
      return
    }
    const whole = isAnchored ? anchorBoth(parsed.root) : parsed.root
    const tested = isAnchored ? whole : simplifyForTest(whole)
    this.#testLengthMax = lengthMax(tested)
    if (this.#testLengthMax >= 0) {
      this.#tester = new RegExp(emitUnicode(tested), 'u')
      if (!isAnchored) this.blockSearch = blockSearchOf(tested, this.#testLengthMax)
    }
    this.#findLengthMax = hasUnequalCaptures(parsed.root) ? -1 : lengthMax(whole)
    if (this.#findLengthMax >= 0) this.#finder = new RegExp(emitUnicode(whole), 'gu')
  }

  test(text: string): boolean {
    if (this.literal !== undefined) {
      return this.#isAnchored ? text === this.literal : text.includes(this.literal)
    }
    if (text.length <= this.#testLengthMax) return this.#tester!.test(text)
    return this.#re2.test(text)
  }

  testBytes(bytes: Uint8Array): boolean {
    if (bytes.length <= this.#testLengthMax) {
      return this.test(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'))
    }
    return this.#re2.test(bytes)
  }

  exec(text: string): RegexMatch | undefined {
    if (text.length > this.#findLengthMax) {
      const matcher = this.#re2.matcher(text)
      return matcher.find() ? matchOf(matcher) : undefined
    }
    const finder = this.#finder!
    finder.lastIndex = 0
    const match = finder.exec(text)
    return match ? { index: match.index, groups: match } : undefined
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

  #groupOf(match: RegexMatch, name: string): string | undefined {
    if (/^\d+$/.test(name)) return match.groups[Number(name)]
    const index = this.groupNames.lastIndexOf(name)
    return index < 0 ? undefined : match.groups[index]
  }

  // As Go counts matches: none of length zero right behind another match.
  *#matches(text: string): Generator<RegexMatch> {
    let previousEnd = -1
    if (text.length > this.#findLengthMax) {
      const matcher = this.#re2.matcher(text)
      while (matcher.find()) {
        const match = matchOf(matcher)
        const end = match.index + match.groups[0]!.length
        if (end > match.index || match.index !== previousEnd) yield match
        previousEnd = end
      }
      return
    }
    const finder = this.#finder!
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

function lengthMax(root: RegexNode): number {
  const cost = searchCost(root)
  if (!cost) return -1
  if (cost.degree <= 1) return Number.POSITIVE_INFINITY
  if (cost.degree === 2) return quadraticLengthMax
  return cost.degree === 3 ? cubicLengthMax : -1
}

function blockSearchOf(root: RegexNode, lineLengthMax: number): BlockSearch | undefined {
  const emitted = emitLineBytes(root)
  if (!emitted) return undefined
  const { source, hasTextAnchor, dropsNewline } = emitted
  return { regex: new RegExp(source, 'g'), lineLengthMax, hasTextAnchor, dropsNewline }
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
