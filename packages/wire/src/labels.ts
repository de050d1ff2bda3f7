// Label sets: sorted pairs of unique names and values, the identity of a stream. Their canonical
// text is the form that Prometheus prints and the push protocol uses: {a="b", c="d"}.

import { quoteGoString, unquoteGoString } from '@skald/go-dialect'
import { LabelSyntaxError } from './errors.ts'
import { ascending } from './order.ts'

/** One name and value pair of a label set. */
export interface Label {
  readonly name: string
  readonly value: string
}

/**
 * Pairs sorted by name, each name once, without empty values (a label without a value does not
 * exist).
 */
export type LabelSet = readonly Label[]

const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** Returns true if a text is a valid label name: `[a-zA-Z_][a-zA-Z0-9_]*`. */
export function isLabelName(text: string): boolean {
  return labelName.test(text)
}

/**
 * Turns any text into a label name, like Loki does for structured metadata. Each run of characters
 * other than ASCII letters and digits becomes one `_`, except for `__` at both ends. A leading
 * digit gets the prefix `key_`.
 */
export function normaliseLabelName(name: string): string {
  if (/^[a-zA-Z](?:_?[a-zA-Z0-9])*$/.test(name)) return name
  const [, reserved] = /^__(.*)__$/su.exec(name) ?? []
  const text = (reserved ?? name).replace(/[^a-zA-Z0-9]+/gu, '_')
  if (reserved !== undefined) return `__${text}__`
  return /^[0-9]/.test(text) ? `key_${text}` : text
}

/**
 * Creates a label set from pairs: sorts them, drops empty values, and keeps the last value of each
 * name.
 */
export function createLabelSet(
  pairs: Readonly<Record<string, string>> | Iterable<readonly [name: string, value: string]>,
): LabelSet {
  const entries = Symbol.iterator in pairs ? pairs : Object.entries(pairs)
  const byName = new Map<string, string>()
  for (const [name, value] of entries) {
    if (value === '') byName.delete(name)
    else byName.set(name, value)
  }
  return [...byName].map(([name, value]) => ({ name, value })).sort(compareLabelNames)
}

/**
 * Creates a set of structured metadata: sorted, with the last value of each name, without empty
 * names and values.
 */
export function createMetadata(pairs: Iterable<readonly [name: string, value: string]>): LabelSet {
  const byName = new Map<string, string>()
  for (const [name, value] of pairs) if (name !== '' && value !== '') byName.set(name, value)
  return [...byName].map(([name, value]) => ({ name, value })).sort(compareLabelNames)
}

/** Compares two labels by name, for `sort`. */
export function compareLabelNames(a: Label, b: Label): number {
  return ascending(a.name, b.name)
}

/** Returns the value of a label, or an empty text if the set does not have it. */
export function labelValue(labels: LabelSet, name: string): string {
  for (const label of labels) if (label.name === name) return label.value
  return ''
}

/** Returns the set as a plain object in name order, for JSON answers. */
export function labelSetToObject(labels: LabelSet): Record<string, string> {
  const object: Record<string, string> = {}
  for (const { name, value } of labels) object[name] = value
  return object
}

/** Formats the canonical text `{a="b", c="d"}`. Equal sets have equal texts. */
export function formatLabelSet(labels: LabelSet): string {
  let text = '{'
  for (const { name, value } of labels) {
    if (text.length > 1) text += ', '
    text += `${name}=${quoteGoString(value)}`
  }
  return `${text}}`
}

/** Compares label sets by name, then value, then length, like Prometheus, to sort results. */
export function compareLabelSets(a: LabelSet, b: LabelSet): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a[i]!
    const y = b[i]!
    const order = ascending(x.name, y.name) || ascending(x.value, y.value)
    if (order !== 0) return order
  }
  return a.length - b.length
}

/**
 * Hashes a label set to 16 hex digits: FNV-1a, 64 bit, over the UTF-8 bytes of the canonical text.
 * Stable across versions and processes.
 */
export function hashLabelSet(labels: LabelSet): string {
  const bytes = Buffer.from(formatLabelSet(labels), 'utf8')
  // Keeps the 64-bit state as two halves to avoid bigints. The prime is 2^40 + 0x1b3.
  let high = 0xcbf29ce4
  let low = 0x84222325
  for (const byte of bytes) {
    low = (low ^ byte) >>> 0
    const product = low * 0x1b3
    const carried = Math.floor(product / 0x1_0000_0000)
    high = (Math.imul(high, 0x1b3) + carried + (low << 8)) >>> 0
    low = product >>> 0
  }
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
}

const spaces = /[ \t\r\n]*/y
const nameAt = /[a-zA-Z_][a-zA-Z0-9_]*/y
const stringAt = /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y

/**
 * Parses the text form of a label set, in any order and spacing. Drops labels with empty values.
 * @throws LabelSyntaxError with `1:<column>: parse error: ...` and Prometheus's wording; also for a
 * repeated name.
 */
export function parseLabelSet(text: string): LabelSet {
  const names = new Set<string>()
  const pairs = parseLabelPairs(text)
  for (const { name } of pairs) {
    if (names.has(name)) throw new LabelSyntaxError(`label ${name} is given twice`, 0)
    names.add(name)
  }
  return createLabelSet(pairs.map(({ name, value }) => [name, value] as const))
}

/**
 * Parses the text form of labels. Keeps their order and repeated names.
 * @throws LabelSyntaxError like parseLabelSet.
 */
export function parseLabelPairs(text: string): Label[] {
  let at = 0
  const skipSpaces = () => {
    spaces.lastIndex = at
    spaces.test(text)
    at = spaces.lastIndex
  }
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (!match) return undefined
    at = pattern.lastIndex
    return match[0]
  }
  const fail = (why: string): never => {
    const line = text.slice(0, at).split('\n').length
    const column = at - text.lastIndexOf('\n', at - 1)
    throw new LabelSyntaxError(`${line}:${column}: parse error: ${why}`, at)
  }
  const unexpected = (where: string, expected: string): never => {
    if (at >= text.length) return fail('unexpected end of input inside braces')
    const char = String.fromCodePoint(text.codePointAt(at)!)
    if (/[,={}"`a-zA-Z_]/.test(char))
      return fail(`unexpected ${quoteGoString(char)} ${where}, expected ${expected}`)
    return fail(`unexpected character inside braces: '${char}'`)
  }

  skipSpaces()
  if (text[at] !== '{')
    fail(`unexpected ${at < text.length ? 'character' : 'end of input'}, expected "{"`)
  at++
  skipSpaces()
  const pairs: Label[] = []
  while (text[at] !== '}') {
    const name = take(nameAt) ?? unexpected('in label set', 'identifier or "}"')
    skipSpaces()
    if (text[at] !== '=') unexpected('in label matching', 'label matching operator')
    at++
    skipSpaces()
    const start = at
    const literal = take(stringAt) ?? unexpected('in label matching', 'string')
    try {
      pairs.push({ name, value: unquoteGoString(literal) })
    } catch {
      at = start
      fail(`string ${literal} has a bad escape`)
    }
    skipSpaces()
    if (text[at] === ',') {
      at++
      skipSpaces()
    } else if (text[at] !== '}') unexpected('in label matching', '"," or "}"')
  }
  at++
  skipSpaces()
  if (at < text.length) fail(`unexpected character after "}"`)
  return pairs
}
