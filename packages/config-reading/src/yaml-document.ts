// A YAML text as a tree of nodes. Everything that makes the text itself unusable becomes a problem here: wrong
// syntax, a second document, aliases that never end or expand beyond any sensible size.

import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isPair,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml'
import { type ConfigProblem, withoutRestOfStream } from './config-problem.ts'
import { aliasedValuesMax } from './limits.ts'

/** One pair of a map, with its key as text. */
export interface Entry {
  readonly key: string
  readonly isPlainKey: boolean
  readonly value: Node | null
  /** Offset of the key. */
  readonly offset: number
}

/** A document being read, and the problems found so far. */
export interface Reading {
  /** How messages name the whole document. */
  readonly name: string
  readonly lines: LineCounter
  readonly problems: ConfigProblem[]
  /** What each alias names. */
  readonly targets: ReadonlyMap<Node, Node>
  /** The pairs of the maps that were already read, so that each mistake in them is reported once. */
  readonly entries: Map<Node, ReadonlyMap<string, Entry>>
}

/**
 * Parses a text into nodes. The reading lists what makes it unusable; the contents are `null` if there are none.
 */
export function parseDocument(
  text: string,
  name: string,
): { readonly reading: Reading; readonly contents: Node | null } {
  const lines = new LineCounter()
  const problems: ConfigProblem[] = []
  const report = (offset: number, message: string) => {
    problems.push({ ...placeOf(lines, offset), message })
  }
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    schema: 'failsafe',
    merge: false,
    uniqueKeys: false,
    prettyErrors: false,
    strict: true,
    logLevel: 'silent',
  })
  const documents = 'empty' in parsed ? [] : parsed
  for (const { errors } of documents) {
    for (const { pos, message } of withoutRestOfStream(errors)) {
      report(pos[0], `This is not YAML: ${message}`)
    }
  }
  const second = documents[1]
  if (second) {
    report(
      second.range?.[0] ?? 0,
      'A second YAML document begins here: put everything into one document',
    )
  }
  const document = documents[0]
  const contents = (document?.contents ?? null) as Node | null
  const targets = document ? aliasTargets(document, report) : new Map<Node, Node>()
  if (problems.length === 0 && aliasedValues(contents, targets) > aliasedValuesMax) {
    report(
      0,
      `Aliases make this document more than ${aliasedValuesMax} values larger: write the values out, or use fewer aliases`,
    )
  }
  return { reading: { name, lines, problems, targets, entries: new Map() }, contents }
}

/** Returns line and column of an offset, both from 1. */
export function placeOf(
  lines: LineCounter,
  offset: number,
): { readonly line: number; readonly column: number } {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

/**
 * Returns what each alias names: the value with its anchor that comes before it. Reports aliases of unknown anchors,
 * and aliases inside the value they name, which would never end.
 */
function aliasTargets(
  document: Document,
  report: (offset: number, message: string) => void,
): Map<Node, Node> {
  const anchors = new Map<string, Node>()
  const targets = new Map<Node, Node>()
  visit(document, {
    Node(_key, node, around) {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchors.set(node.anchor, node)
        return
      }
      const { source } = node as Alias
      const target = anchors.get(source)
      const offset = node.range?.[0] ?? 0
      if (!target) {
        report(offset, `*${source} names nothing: write &${source} before a value above it`)
      } else if (around.includes(target)) {
        report(
          offset,
          `*${source} is inside the value that &${source} names, which would never end`,
        )
      } else targets.set(node, target)
    },
  })
  return targets
}

/** Returns how many values a tree has more than is written, because of aliases. */
function aliasedValues(contents: Node | null, targets: ReadonlyMap<Node, Node>): number {
  if (targets.size === 0) return 0
  return countValues(contents, targets) - countValues(contents, new Map())
}

/** Counts the values of a tree, with those that the aliases of `targets` name. Takes linear time. */
function countValues(contents: Node | null, targets: ReadonlyMap<Node, Node>): number {
  const counts = new Map<unknown, number>()
  const count = (node: unknown): number => {
    const target = isAlias(node) ? targets.get(node) : undefined
    if (target) return count(target)
    const known = counts.get(node)
    if (known !== undefined) return known
    let sum = 1
    if (isPair(node)) sum = count(node.key) + count(node.value)
    else if (isSeq(node) || isMap(node)) for (const item of node.items) sum += count(item)
    counts.set(node, sum)
    return sum
  }
  return count(contents)
}
