// Reads a YAML document like the strict decoder of Loki and Promtail, and keeps the place of every value. Unknown
// keys, duplicate keys and wrong types become problems, and reading continues, so one run finds every mistake.
// Scalars follow YAML 1.1 (yes, no, on, off are booleans) where a boolean is expected, and stay strings where a
// string is expected.

import { isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml'
import { type ConfigProblem, unknownKey } from './config-problem.ts'
import { isPlainNull, isPlainNumber, plainBoolean, plainValue } from './scalars.ts'
import { type Entry, parseDocument, placeOf, type Reading } from './yaml-document.ts'

/** Reads one value. Reports a problem and returns `undefined` if the value is unusable. */
export type ValueReader<T> = (cursor: YamlCursor) => T | undefined

type Fields = Readonly<Record<string, ValueReader<unknown>>>
/** What `record` returns for its fields. */
export type FieldValues<F extends Fields> = { [K in keyof F]?: NonNullable<ReturnType<F[K]>> }

/** One pair of a map. */
export interface CursorPair {
  readonly key: string
  /** True if the key has no quotes. */
  readonly isPlainKey: boolean
  readonly value: YamlCursor
}

/** A value of the document, with its path. */
export class YamlCursor {
  readonly #reading: Reading
  /** Path from the top level, such as `clients[0].url`; empty for the top level itself. */
  readonly #path: string
  readonly #node: Node | null
  /** Offset to blame if the value itself is missing: the offset of the key. */
  readonly #offset: number

  constructor(reading: Reading, path: string, node: Node | null, offset: number) {
    this.#reading = reading
    this.#path = path
    this.#node = node
    this.#offset = offset
  }

  /** How messages name the value: its path, or the name of the document. */
  get name(): string {
    // Items of a document that is a list have no key before them.
    return /^(\[|$)/.test(this.#path) ? this.#reading.name + this.#path : this.#path
  }

  /** True if the value is absent or `null`. */
  get isNull(): boolean {
    const node = this.#node
    if (node === null) return true
    if (!isScalar(node) || hasTextTag(node)) return false
    return node.value === null || (node.type === 'PLAIN' && isPlainNull(String(node.value)))
  }

  get isList(): boolean {
    return isSeq(this.#node)
  }

  get isMap(): boolean {
    return isMap(this.#node)
  }

  /** The same value for a preview: mistakes found through it are not reported. */
  get unjudged(): YamlCursor {
    const reading = { ...this.#reading, problems: [], entries: new Map() }
    return new YamlCursor(reading, this.#path, this.#node, this.#offset)
  }

  /** Line of the value, from 1. If there is no value, the line of its key. */
  get line(): number {
    return placeOf(this.#reading.lines, this.#start()).line
  }

  /** Reports a problem with the value. */
  fail(message: string): undefined {
    this.#report(this.#start(), message)
  }

  /** Reports a problem at the value's key. */
  failAtKey(message: string): undefined {
    this.#report(this.#offset, message)
  }

  /**
   * Reports, at the key, a mistake that disables only one stage, target or job. The caller leaves that part
   * out. Whether it makes the whole configuration fail is decided after everything is read.
   */
  failContained(message: string): undefined {
    this.#reading.problems.push({ ...this.remarkAtKey(message), isContained: true })
  }

  /** Returns a remark at the value's key without reporting it. */
  remarkAtKey(message: string): ConfigProblem {
    return { ...placeOf(this.#reading.lines, this.#offset), message }
  }

  /** Number of problems found in the document so far. */
  get problemCount(): number {
    return this.#reading.problems.length
  }

  #start(): number {
    const start = this.#node?.range?.[0]
    return this.isNull || start === undefined ? this.#offset : start
  }

  #report(offset: number, message: string): undefined {
    this.#reading.problems.push({ ...placeOf(this.#reading.lines, offset), message })
  }

  /** The text of a scalar, with quotes resolved. `undefined` for lists and maps. */
  get scalarText(): string | undefined {
    const node = this.#node
    if (!isScalar(node)) return undefined
    return String(node.value ?? '')
  }

  /** True if a scalar has no quotes, so that its form decides its type. */
  get isPlain(): boolean {
    return isScalar(this.#node) && this.#node.type === 'PLAIN' && !hasTextTag(this.#node)
  }

  /**
   * The value as plain lists, objects, texts, numbers and booleans, with merged maps and aliases resolved. Duplicate
   * keys are reported like in `pairs`.
   */
  get value(): unknown {
    if (this.isNull) return null
    if (this.isList) return this.items().map(item => item.value)
    if (this.isMap)
      return Object.fromEntries(this.pairs().map(({ key, value }) => [key, value.value]))
    return this.isPlain ? plainValue(this.scalarText!) : this.scalarText
  }

  /** Reads the items of a list, each with its own cursor. Reports one problem if it is not a list. */
  items(): YamlCursor[] {
    if (this.isNull) return []
    const node = this.#node
    if (!isSeq(node)) {
      this.failAtKey(`${this.name} must be a list, found ${this.describe()}`)
      return []
    }
    return node.items.map((item, i) => this.#child(`${this.#path}[${i}]`, item as Node | null))
  }

  /**
   * Reads the pairs of a map in order, including merged maps (`<<`). Reports one problem if it is not a
   * map.
   */
  pairs(): CursorPair[] {
    if (this.isNull) return []
    if (!isMap(this.#node)) {
      this.failAtKey(
        `${this.name} must be a map (a config block of keys and values), found ${this.describe()}`,
      )
      return []
    }
    return [...this.#entriesOf(this.#node).values()].map(entry => ({
      key: entry.key,
      isPlainKey: entry.isPlainKey,
      value: this.#childOf(entry),
    }))
  }

  /** Reads a map of known keys. Omits absent and null values; unknown keys are problems. */
  record<F extends Fields>(fields: F): FieldValues<F> {
    const values: Record<string, unknown> = {}
    for (const { key, value } of this.pairs()) {
      const read = Object.hasOwn(fields, key) ? fields[key] : undefined
      if (!read) value.failAtKey(unknownKey(key, this.name, { known: Object.keys(fields) }))
      else if (!value.isNull) {
        const result = read(value)
        if (result !== undefined) values[key] = result
      }
    }
    return values as FieldValues<F>
  }

  /** Returns the value of a key without checking the other keys. */
  get(key: string): YamlCursor | undefined {
    const entry = isMap(this.#node) ? this.#entriesOf(this.#node).get(key) : undefined
    return entry && this.#childOf(entry)
  }

  /** Returns true if a key has a value, even a wrong one. */
  has(key: string): boolean {
    return this.get(key)?.isNull === false
  }

  /** Returns the value at a path of keys and positions in lists, or the last one on the way that exists. */
  at(keys: readonly string[]): YamlCursor {
    const [key, ...rest] = keys
    if (key === undefined) return this
    const inner = isSeq(this.#node) ? this.items()[Number(key)] : this.get(key)
    return inner ? inner.at(rest) : this
  }

  /** String that is equal for equal values, however and wherever they are written. */
  get identity(): string {
    return JSON.stringify(this.#written(this.#node))
  }

  /** Describes the value in a few words. */
  describe(): string {
    if (this.isNull) return 'nothing'
    if (this.isList) return 'a list'
    if (this.isMap) return 'a map'
    const text = this.scalarText!
    if (this.isPlain && isPlainNumber(text)) return `the number ${text}`
    if (this.isPlain && plainBoolean(text) !== undefined) return `the boolean ${text}`
    return `the text ${JSON.stringify(text)}`
  }

  /** Returns a node as lists, objects and texts, with `<<` like any other key. */
  #written(node: unknown): unknown {
    const meant = isAlias(node) ? this.#reading.targets.get(node) : node
    if (isScalar(meant)) return meant.value
    if (isSeq(meant)) return meant.items.map(item => this.#written(item))
    if (!isMap(meant)) return null
    return Object.fromEntries(
      meant.items.map(({ key, value }) => [String(this.#written(key) ?? ''), this.#written(value)]),
    )
  }

  /** Returns the pairs of a map and of the maps merged into it. Reports their mistakes the first time. */
  #entriesOf(map: YAMLMap): ReadonlyMap<string, Entry> {
    const { entries, targets } = this.#reading
    const known = entries.get(map)
    if (known) return known
    const found = new Map<string, Entry>()
    const merged: Entry[] = []
    for (const pair of map.items) {
      const keyNode = pair.key as Node
      const written = isAlias(keyNode) ? targets.get(keyNode) : keyNode
      const offset = keyNode?.range?.[0] ?? this.#offset
      if (!isScalar(written)) {
        this.#report(offset, `A key of ${this.name} must be a string`)
        continue
      }
      const key = String(written.value ?? '')
      const isPlainKey = written.type === 'PLAIN'
      const entry = { key, isPlainKey, offset, value: pair.value as Node | null }
      if (key === '<<' && isPlainKey) merged.push(entry)
      else if (found.has(key)) {
        this.#report(offset, `${key} is given twice in ${this.name}: remove one of the two`)
      } else found.set(key, entry)
    }
    for (const entry of merged) {
      for (const inner of this.#mergedBy(entry))
        if (!found.has(inner.key)) found.set(inner.key, inner)
    }
    entries.set(map, found)
    return found
  }

  /** Returns the pairs of the map, or of the maps in a list, that `<<` names. */
  #mergedBy({ value, offset }: Entry): Entry[] {
    const source = this.#child(this.#path, value, offset)
    const sources = isSeq(source.#node) ? source.items() : [source]
    return sources.flatMap(one => {
      if (isMap(one.#node)) return [...one.#entriesOf(one.#node).values()]
      if (!one.isNull) {
        this.#report(offset, `<< in ${this.name} must name a map, found ${one.describe()}`)
      }
      return []
    })
  }

  #childOf({ key, value, offset }: Entry): YamlCursor {
    return this.#child(this.#path === '' ? key : `${this.#path}.${key}`, value, offset)
  }

  #child(path: string, node: Node | null, offset?: number): YamlCursor {
    const resolved = isAlias(node) ? (this.#reading.targets.get(node) ?? null) : node
    return new YamlCursor(this.#reading, path, resolved, offset ?? node?.range?.[0] ?? this.#offset)
  }
}

/** Returns true if a tag (`!!str`) makes a scalar a text, however it is written. */
function hasTextTag({ tag }: { readonly tag?: string }): boolean {
  return tag === 'tag:yaml.org,2002:str' || tag === '!'
}

/**
 * Parses a configuration text and returns a cursor for the whole document. The cursor adds problems to
 * `problems` as it finds them; messages call the document `name`.
 */
export function parseYaml(
  text: string,
  name = 'the configuration',
): { readonly root: YamlCursor; readonly problems: ConfigProblem[] } {
  const { reading, contents } = parseDocument(text, name)
  return { root: new YamlCursor(reading, '', contents, 0), problems: reading.problems }
}

/** Drops undefined values, so that defaults apply. */
export function defined<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> }
}
