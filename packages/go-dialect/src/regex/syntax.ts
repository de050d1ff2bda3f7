// Parses RE2 patterns into trees. Only gets patterns that the RE2 library accepted, so it reports no errors.
// It gives up on what it does not model (case folding beyond ASCII).

import {
  anyButNewline,
  anyChar,
  type CharSet,
  createCharSet,
  foldCharSet,
  negateCharSet,
  rangesOf,
} from './char-set.ts'

export type Assertion = 'textStart' | 'textEnd' | 'lineStart' | 'lineEnd' | 'word' | 'notWord'

/** A node of a pattern. Only `group` captures. */
export type RegexNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'assert'; readonly assertion: Assertion }
  /**
   * One character of `set`. `classText` is set if it is defined by Unicode properties; `set` then contains
   * everything.
   */
  | { readonly kind: 'char'; readonly set: CharSet; readonly classText?: string }
  | {
      readonly kind: 'group'
      readonly index: number
      readonly name: string | undefined
      readonly body: RegexNode
    }
  | { readonly kind: 'concat'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'alternate'; readonly branches: readonly RegexNode[] }
  | {
      readonly kind: 'repeat'
      readonly body: RegexNode
      readonly min: number
      readonly max: number
      readonly isGreedy: boolean
    }

/** Returns true if a tree has an assertion, or one accepted by `isWanted`. */
export function hasAssertion(
  node: RegexNode,
  isWanted: (assertion: Assertion) => boolean = () => true,
): boolean {
  switch (node.kind) {
    case 'assert':
      return isWanted(node.assertion)
    case 'empty':
    case 'char':
      return false
    case 'group':
    case 'repeat':
      return hasAssertion(node.body, isWanted)
    case 'concat':
      return node.parts.some(part => hasAssertion(part, isWanted))
    case 'alternate':
      return node.branches.some(branch => hasAssertion(branch, isWanted))
  }
}

export interface ParsedRegex {
  readonly root: RegexNode
  /** Group number minus one → name. */
  readonly groupNames: readonly (string | undefined)[]
}

const perlClasses: Readonly<Record<string, CharSet>> = {
  d: [0x30, 0x39],
  s: [0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x20],
  w: [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a],
}
const posixClasses: Readonly<Record<string, CharSet>> = {
  alnum: [0x30, 0x39, 0x41, 0x5a, 0x61, 0x7a],
  alpha: [0x41, 0x5a, 0x61, 0x7a],
  ascii: [0, 0x7f],
  blank: [0x09, 0x09, 0x20, 0x20],
  cntrl: [0, 0x1f, 0x7f, 0x7f],
  digit: [0x30, 0x39],
  graph: [0x21, 0x7e],
  lower: [0x61, 0x7a],
  print: [0x20, 0x7e],
  punct: [0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e],
  space: [0x09, 0x0d, 0x20, 0x20],
  upper: [0x41, 0x5a],
  word: [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a],
  xdigit: [0x30, 0x39, 0x41, 0x46, 0x61, 0x66],
}
const controlEscapes: Readonly<Record<string, number>> = {
  a: 7,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
}

interface Flags {
  readonly fold: boolean
  readonly multiline: boolean
  readonly dotAll: boolean
  readonly swapGreed: boolean
}

class GiveUp extends Error {}

/**
 * Parses a valid RE2 pattern. The tree is `undefined` if the pattern uses something this parser does not
 * model.
 */
export function parseRegex(pattern: string): ParsedRegex | undefined {
  const reader = new PatternReader(pattern)
  try {
    return reader.read()
  } catch (error) {
    if (error instanceof GiveUp) return undefined
    throw error
  }
}

// Tracks the position and the active flags while reading a pattern.
class PatternReader {
  readonly #text: string
  readonly #groupNames: (string | undefined)[] = []
  #at = 0
  #flags: Flags = { fold: false, multiline: false, dotAll: false, swapGreed: false }

  constructor(text: string) {
    this.#text = text
  }

  read(): ParsedRegex {
    const root = this.#alternation()
    if (this.#at < this.#text.length) throw new GiveUp()
    return { root, groupNames: this.#groupNames }
  }

  #alternation(): RegexNode {
    const branches: RegexNode[] = [this.#concatenation()]
    while (this.#take('|')) branches.push(this.#concatenation())
    return branches.length === 1 ? branches[0]! : { kind: 'alternate', branches }
  }

  #concatenation(): RegexNode {
    const parts: RegexNode[] = []
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at]!
      if (char === '|' || char === ')') break
      const atoms = this.#atoms()
      if (!atoms) continue
      const last = atoms.pop()
      parts.push(...atoms)
      if (last) parts.push(this.#repeated(last))
    }
    if (parts.length === 0) return { kind: 'empty' }
    return parts.length === 1 ? parts[0]! : { kind: 'concat', parts }
  }

  // Reads one atom, or the characters of \Q...\E. Flags such as (?i) give none.
  #atoms(): RegexNode[] | undefined {
    if (this.#take('\\Q')) {
      const end = this.#text.indexOf('\\E', this.#at)
      const quoted = this.#text.slice(this.#at, end < 0 ? undefined : end)
      this.#at = end < 0 ? this.#text.length : end + 2
      return quoted === '' ? undefined : [...quoted].map(char => this.#char(char.codePointAt(0)!))
    }
    // \E without \Q is invalid, and the checker rejected it.
    const char = this.#text[this.#at]!
    if (char === '(') return this.#parenthesis()
    if (char === '[') return [this.#bracketClass()]
    this.#at++
    if (char === '.') return [{ kind: 'char', set: this.#flags.dotAll ? anyChar : anyButNewline }]
    if (char === '^') return [assertion(this.#flags.multiline ? 'lineStart' : 'textStart')]
    if (char === '$') return [assertion(this.#flags.multiline ? 'lineEnd' : 'textEnd')]
    if (char === '\\') return [this.#escape()]
    this.#at--
    return [this.#char(this.#nextCodePoint())]
  }

  #nextCodePoint(): number {
    const code = this.#text.codePointAt(this.#at)!
    this.#at += code > 0xffff ? 2 : 1
    return code
  }

  #char(code: number): RegexNode {
    return { kind: 'char', set: this.#folded([code, code]) }
  }

  #folded(set: CharSet): CharSet {
    if (!this.#flags.fold) return set
    const folded = foldCharSet(set)
    if (!folded) throw new GiveUp()
    return folded
  }

  #escape(): RegexNode {
    const char = this.#text[this.#at]!
    const simple: Readonly<Record<string, Assertion>> = {
      A: 'textStart',
      z: 'textEnd',
      b: 'word',
      B: 'notWord',
    }
    const asserted = simple[char]
    if (asserted) {
      this.#at++
      return assertion(asserted)
    }
    if (char === 'p' || char === 'P') return this.#propertyNode()
    const perl = this.#perlClass()
    if (perl) return { kind: 'char', set: perl }
    return this.#char(this.#escapedCode())
  }

  // After a backslash: \d \D \s \S \w \W.
  #perlClass(): CharSet | undefined {
    const char = this.#text[this.#at]!
    const set = perlClasses[char.toLowerCase()]
    if (!set) return undefined
    this.#at++
    const folded = this.#folded(set)
    return char === char.toLowerCase() ? folded : negateCharSet(folded)
  }

  #propertyNode(): RegexNode {
    const classText = this.#property()
    return { kind: 'char', set: anyChar, classText }
  }

  // After a backslash: pL, PL, p{Greek}, p{^Greek}. Returns the JavaScript class.
  #property(): string {
    if (this.#flags.fold) throw new GiveUp()
    let isNegated = this.#text[this.#at] === 'P'
    this.#at++
    let name = this.#text[this.#at]!
    if (name === '{') {
      const end = this.#text.indexOf('}', this.#at)
      name = this.#text.slice(this.#at + 1, end)
      this.#at = end + 1
    } else this.#at++
    if (name.startsWith('^')) {
      isNegated = !isNegated
      name = name.slice(1)
    }
    const letter = isNegated ? 'P' : 'p'
    for (const text of [`\\${letter}{${name}}`, `\\${letter}{Script=${name}}`]) {
      if (isValidUnicodeRegex(text)) return text
    }
    throw new GiveUp()
  }

  // After a backslash: one escaped character.
  #escapedCode(): number {
    const char = this.#text[this.#at]!
    const control = controlEscapes[char]
    if (control !== undefined) {
      this.#at++
      return control
    }
    const numeric = /x\{([0-9a-fA-F]+)\}|x([0-9a-fA-F]{2})|([0-7]{1,3})/y
    numeric.lastIndex = this.#at
    const match = numeric.exec(this.#text)
    if (!match) return this.#nextCodePoint()
    this.#at = numeric.lastIndex
    if (match[3] !== undefined) return Number.parseInt(match[3], 8)
    return Number.parseInt((match[1] ?? match[2])!, 16)
  }

  #parenthesis(): RegexNode[] | undefined {
    this.#at++
    const outer = this.#flags
    const named = /\?P?<([^>]*)>/y
    named.lastIndex = this.#at
    const name = named.exec(this.#text)
    if (name) this.#at = named.lastIndex
    else if (this.#take('?')) {
      this.#readFlags()
      if (this.#take(')')) return undefined
      this.#at++ // the colon
      const body = this.#alternation()
      this.#at++
      this.#flags = outer
      return [body.kind === 'empty' ? body : { kind: 'concat', parts: [body] }]
    }
    const index = this.#groupNames.push(name?.[1])
    const body = this.#alternation()
    this.#at++
    this.#flags = outer
    return [{ kind: 'group', index, name: name?.[1], body }]
  }

  #readFlags(): void {
    let value = true
    const flags = { ...this.#flags }
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at]!
      if (char === ':' || char === ')') break
      if (char === '-') value = false
      else if (char === 'i') flags.fold = value
      else if (char === 'm') flags.multiline = value
      else if (char === 's') flags.dotAll = value
      else if (char === 'U') flags.swapGreed = value
      else throw new GiveUp()
    }
    this.#flags = flags
  }

  #bracketClass(): RegexNode {
    this.#at++
    const isNegated = this.#take('^')
    const ranges: (readonly [low: number, high: number])[] = []
    const properties: string[] = []
    for (let isFirst = true; isFirst || this.#text[this.#at] !== ']'; isFirst = false) {
      if (this.#at >= this.#text.length) throw new GiveUp()
      const posix = /\[:(\^?)(\w+):\]/y
      posix.lastIndex = this.#at
      const named = posix.exec(this.#text)
      if (named) {
        this.#at = posix.lastIndex
        const members = this.#folded(posixClasses[named[2]!] ?? [])
        ranges.push(...rangesOf(named[1] ? negateCharSet(members) : members))
      } else if (this.#take('\\')) {
        const char = this.#text[this.#at]!
        if (char === 'p' || char === 'P') properties.push(this.#property())
        else {
          ranges.push(...rangesOf(this.#perlClass() ?? this.#classRange(this.#escapedCode())))
        }
      } else ranges.push(...rangesOf(this.#classRange(this.#nextCodePoint())))
    }
    this.#at++
    const set = createCharSet(ranges)
    if (properties.length > 0) {
      const inside = rangesOf(set).map(([low, high]) => `${hexEscape(low)}-${hexEscape(high)}`)
      const classText = `[${isNegated ? '^' : ''}${inside.join('')}${properties.join('')}]`
      return { kind: 'char', set: anyChar, classText }
    }
    return { kind: 'char', set: isNegated ? negateCharSet(set) : set }
  }

  // Reads a character of a class, or a range if a minus follows.
  #classRange(low: number): CharSet {
    const next = this.#text[this.#at + 1]
    if (this.#text[this.#at] !== '-' || next === ']' || next === undefined) {
      return this.#folded([low, low])
    }
    this.#at++
    const high = this.#take('\\') ? this.#escapedCode() : this.#nextCodePoint()
    return this.#folded(createCharSet([[low, high]]))
  }

  #repeated(atom: RegexNode): RegexNode {
    const quantifier = /(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})(\??)/y
    quantifier.lastIndex = this.#at
    const match = quantifier.exec(this.#text)
    if (!match) return atom
    this.#at = quantifier.lastIndex
    const [, symbol, minText, comma, maxText, lazy] = match
    const min = symbol ? (symbol === '+' ? 1 : 0) : Number(minText)
    let max = symbol ? (symbol === '?' ? 1 : Number.POSITIVE_INFINITY) : min
    if (comma) max = maxText ? Number(maxText) : Number.POSITIVE_INFINITY
    const isGreedy = (lazy === '') !== this.#flags.swapGreed
    return { kind: 'repeat', body: atom, min, max, isGreedy }
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }
}

function assertion(name: Assertion): RegexNode {
  return { kind: 'assert', assertion: name }
}

function isValidUnicodeRegex(source: string): boolean {
  try {
    new RegExp(source, 'u')
    return true
  } catch {
    // JavaScript does not have this property under this name.
    return false
  }
}

/** Writes a code point as an escape of a JavaScript pattern with the `u` flag. */
export function hexEscape(code: number): string {
  return `\\u{${code.toString(16)}}`
}
