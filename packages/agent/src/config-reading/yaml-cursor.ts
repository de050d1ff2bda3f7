// Reads a YAML document like Promtail's strict decoder and keeps the line of every value. Unknown keys,
// duplicate keys and wrong types become problems, and reading continues, so one run finds every mistake.
// Scalars follow YAML 1.1 (yes, no, on, off are booleans) where a boolean is expected, and stay strings
// where a string is expected.

import { unknownKey, withoutRestOfStream } from '@skald/wire'
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml'
import type { ConfigProblem } from '../errors.ts'

/** A document being read, and the problems found so far. */
interface Reading {
  readonly document: Document
  readonly lines: LineCounter
  readonly problems: ConfigProblem[]
  /** Maps whose keys have been checked, so that each mistake is reported once. */
  readonly judged: Set<Node>
}

/** Reads one value. Reports a problem and returns `undefined` if the value is unusable. */
export type ValueReader<T> = (cursor: YamlCursor) => T | undefined

type Fields = Readonly<Record<string, ValueReader<unknown>>>
/** What `record` returns for its fields. */
export type FieldValues<F extends Fields> = { [K in keyof F]?: NonNullable<ReturnType<F[K]>> }

/** A value of the document, with its key. */
export class YamlCursor {
  /** Key or list position, for messages. */
  readonly name: string
  readonly #reading: Reading
  readonly #node: Node | null
  /** Offset to blame if the value itself is missing: the offset of the key. */
  readonly #offset: number

  constructor(reading: Reading, name: string, node: Node | null, offset: number) {
    this.name = name
    this.#reading = reading
    this.#node = node
    this.#offset = offset
  }

  /** True if the value is absent or `null`. */
  get isNull(): boolean {
    const node = this.#node
    return node === null || (isScalar(node) && isNullScalar(node))
  }

  get isList(): boolean {
    return isSeq(this.#node)
  }

  get isMap(): boolean {
    return isMap(this.#node)
  }

  /** The same value for a preview: mistakes found through it are not reported. */
  get unjudged(): YamlCursor {
    const reading = { ...this.#reading, problems: [], judged: new Set<Node>() }
    return new YamlCursor(reading, this.name, this.#node, this.#offset)
  }

  /** Line of the value, from 1. If there is no value, the line of its key. */
  get line(): number {
    return this.#reading.lines.linePos(this.#start()).line
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
    this.#report(this.#offset, message, { isContained: true })
  }

  /** Number of problems found in the document so far. */
  get problemCount(): number {
    return this.#reading.problems.length
  }

  #start(): number {
    const start = this.#node?.range?.[0]
    return this.isNull || start === undefined ? this.#offset : start
  }

  #report(offset: number, message: string, kind?: { readonly isContained: true }): undefined {
    const { line, col } = this.#reading.lines.linePos(offset)
    this.#reading.problems.push({ line, column: col, message, ...kind })
  }

  /** The text of a scalar, with quotes resolved. `undefined` for lists and maps. */
  get scalarText(): string | undefined {
    const node = this.#node
    if (!isScalar(node)) return undefined
    return String(node.value ?? '')
  }

  /** True if a scalar has no quotes, so that its form decides its type. */
  get isPlain(): boolean {
    return isScalar(this.#node) && this.#node.type === 'PLAIN'
  }

  /** Reads the items of a list, each with its own cursor. Reports one problem if it is not a list. */
  items(): YamlCursor[] {
    if (this.isNull) return []
    const node = this.#node
    if (!isSeq(node)) {
      this.failAtKey(`${this.name} must be a list, found ${this.describe()}`)
      return []
    }
    return node.items.map((item, i) => this.#child(`${this.name}[${i}]`, item as Node | null))
  }

  /**
   * Reads the pairs of a map in order, including merged maps (`<<`). Reports one problem if it is not a
   * map.
   */
  pairs(): { key: string; isPlainKey: boolean; value: YamlCursor }[] {
    if (this.isNull) return []
    if (!isMap(this.#node)) {
      this.failAtKey(
        `${this.name} must be a map (a config block of keys and values), found ${this.describe()}`,
      )
      return []
    }
    const found = new Map<string, { key: string; isPlainKey: boolean; value: YamlCursor }>()
    const merged: YamlCursor[] = []
    const { judged } = this.#reading
    const isFirst = !judged.has(this.#node)
    judged.add(this.#node)
    for (const pair of this.#node.items) {
      const keyNode = pair.key as Node
      const key = isScalar(keyNode) ? String(keyNode.value ?? '') : ''
      const offset = keyNode?.range?.[0] ?? this.#offset
      const value = this.#child(key, pair.value as Node | null, offset)
      if (key === '<<' && isScalar(keyNode) && keyNode.type === 'PLAIN') {
        merged.push(...(value.isList ? value.items() : [value]))
      } else if (!isScalar(keyNode)) {
        if (isFirst) this.#report(offset, `A key of ${this.name} must be a string`)
      } else if (found.has(key)) {
        if (isFirst) {
          this.#report(offset, `${key} is given twice in ${this.name}: remove one of the two`)
        }
      } else {
        found.set(key, { key, isPlainKey: keyNode.type === 'PLAIN', value })
      }
    }
    for (const source of merged) {
      for (const pair of source.pairs()) if (!found.has(pair.key)) found.set(pair.key, pair)
    }
    return [...found.values()]
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
    if (!isMap(this.#node)) return undefined
    return this.pairs().find(pair => pair.key === key)?.value
  }

  /** Returns true if a key has a value, even a wrong one. */
  has(key: string): boolean {
    return this.get(key)?.isNull === false
  }

  /** String that is equal for equal values, however and wherever they are written. */
  get identity(): string {
    return JSON.stringify(this.#node?.toJS(this.#reading.document) ?? null)
  }

  /** Describes the value in a few words. */
  describe(): string {
    if (this.isNull) return 'nothing'
    if (this.isList) return 'a list'
    if (this.isMap) return 'a map'
    return `the text ${JSON.stringify(this.scalarText)}`
  }

  #child(name: string, node: Node | null, offset?: number): YamlCursor {
    const resolved = isAlias(node) ? ((node.resolve(this.#reading.document) as Node) ?? null) : node
    return new YamlCursor(this.#reading, name, resolved, offset ?? node?.range?.[0] ?? this.#offset)
  }
}

function isNullScalar(node: { value: unknown; type?: string }): boolean {
  if (node.value === null) return true
  return node.type === 'PLAIN' && /^(|~|null|Null|NULL)$/.test(String(node.value))
}

/**
 * Parses a configuration text and returns a cursor for the whole document. The cursor adds problems to
 * `problems` as it finds them; messages call the document `name`.
 */
export function parseYaml(
  text: string,
  name = 'the configuration',
): { root: YamlCursor; problems: ConfigProblem[] } {
  const lines = new LineCounter()
  const problems: ConfigProblem[] = []
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    schema: 'failsafe',
    merge: false,
    uniqueKeys: false,
    prettyErrors: false,
    strict: true,
  })
  const documents = 'empty' in parsed ? [] : parsed
  for (const document of documents) {
    for (const error of withoutRestOfStream(document.errors)) {
      const { line, col } = lines.linePos(error.pos[0])
      problems.push({ line, column: col, message: `This is not YAML: ${error.message}` })
    }
  }
  const second = documents[1]
  if (second) {
    const { line, col } = lines.linePos(second.range?.[0] ?? 0)
    const message = 'A second YAML document begins here: put everything into one document'
    problems.push({ line, column: col, message })
  }
  const document = documents[0] as Document | undefined
  if (document) problems.push(...aliasProblems(document, lines))
  const reading = { document: document as Document, lines, problems, judged: new Set<Node>() }
  const node = (document?.contents ?? null) as Node | null
  return { root: new YamlCursor(reading, name, node, 0), problems }
}

/** Reports aliases of unknown anchors, and aliases of an enclosing value, which would never end. */
function aliasProblems(document: Document, lines: LineCounter): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  visit(document, {
    Alias(_, alias, around) {
      const named = alias.resolve(document)
      if (named && !around.includes(named)) return
      const { line, col } = lines.linePos(alias.range?.[0] ?? 0)
      const fault = named
        ? `stands inside of what &${alias.source} names`
        : `names nothing: write &${alias.source} before what it is to stand for`
      problems.push({ line, column: col, message: `*${alias.source} ${fault}` })
    },
  })
  return problems
}

/** Drops undefined values, so that defaults apply. */
export function defined<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> }
}
