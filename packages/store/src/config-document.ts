// Reads YAML files and finds the line and column of everything in them.

import { ConfigError, type ConfigProblem, withoutRestOfStream } from '@skald/wire'
import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
  type YAMLParseError,
} from 'yaml'

/** How messages name the top level of a file. */
export const wholeFile = 'the configuration'

/** A parsed file. */
export interface ConfigDocument {
  /** The content of the file; null if it is empty. */
  readonly value: unknown
  /** Creates a problem at a path of keys, or at the last key on the way that exists. */
  problemAt(keys: readonly string[], message: string): ConfigProblem
}

/**
 * Parses YAML.
 * @throws ConfigError when the text is not YAML.
 */
export function readYaml(text: string, path: string): ConfigDocument {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, {
    ...{ lineCounter, prettyErrors: false, version: '1.1' },
    // Checked below, because the library compares every key with every other.
    uniqueKeys: false,
  })
  const problemAtOffset = (offset: number, message: string): ConfigProblem => {
    const { line, col } = lineCounter.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1), message }
  }
  const mistakes = [
    ...withoutRestOfStream(document.errors).map(error =>
      problemAtOffset(error.pos[0], yamlMistake(error)),
    ),
    ...structureMistakes(document).map(({ offset, message }) => problemAtOffset(offset, message)),
  ]
  if (mistakes.length > 0) throw new ConfigError({ path, problems: mistakes })
  const offsetOf = createLocator(document)
  const problemAt = (keys: readonly string[], message: string) =>
    problemAtOffset(offsetOf(keys), message)
  const value = plainValue(document)
  if (value instanceof ReferenceError) {
    throw new ConfigError({ path, problems: [problemAtOffset(0, value.message)] })
  }
  return { value, problemAt }
}

function yamlMistake({ code, message }: YAMLParseError): string {
  if (code === 'MULTIPLE_DOCS') {
    return 'A second YAML document begins here: put everything into one document'
  }
  return `This is not YAML: ${message}`
}

/** Returns a function that finds the offset of a key, or of a list item, by its path. */
function createLocator(document: Document): (keys: readonly string[]) => number {
  const pairsOf = new Map<YAMLMap, Map<string, Pair>>()
  const pairOf = (map: YAMLMap, key: string): Pair | undefined => {
    let known = pairsOf.get(map)
    if (!known) {
      known = new Map(map.items.map(pair => [String(pair.key), pair]))
      pairsOf.set(map, known)
    }
    return known.get(key)
  }
  const startOf = (node: unknown) =>
    (node as { range?: [number, number, number] } | null)?.range?.[0]
  return keys => {
    let node: unknown = document.contents
    let offset = 0
    for (const key of keys) {
      if (isAlias(node)) node = node.resolve(document)
      if (isMap(node)) {
        const pair = pairOf(node, key)
        if (!pair) return offset
        offset = startOf(pair.key) ?? offset
        node = pair.value
      } else if (isSeq(node)) {
        node = node.items[Number(key)]
        offset = startOf(node) ?? offset
      } else return offset
    }
    return offset
  }
}

/**
 * Converts a document to plain values. Returns a ReferenceError if nested aliases expand beyond any
 * sensible size.
 */
function plainValue(document: Document): unknown {
  try {
    return document.toJS({ reviver: textOfTime })
  } catch (error) {
    if (error instanceof ReferenceError) return error
    throw error
  }
}

/** Finds duplicate keys, and aliases inside the node they refer to, which would never end. */
function structureMistakes(document: Document): { offset: number; message: string }[] {
  const anchors = new Map<string, unknown>()
  const mistakes: { offset: number; message: string }[] = []
  const seen = new Map<unknown, Set<string>>()
  visit(document, {
    Pair(_key, { key }, around) {
      const map = around.at(-1)
      const names = seen.get(map) ?? new Set()
      seen.set(map, names)
      const name = String(key)
      if (names.has(name)) {
        const { range } = key as { range?: [number, number, number] }
        const block = around.findLast(isPair)
        const where = block ? String(block.key) : wholeFile
        const message = `${name} is given twice in ${where}: remove one of the two`
        mistakes.push({ offset: range?.[0] ?? 0, message })
      }
      names.add(name)
    },
    Node(_key, node, around) {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchors.set(node.anchor, node)
        return
      }
      if (!(around as readonly unknown[]).includes(anchors.get(node.source))) return
      const message = `*${node.source} stands inside of what &${node.source} names`
      mistakes.push({ offset: node.range?.[0] ?? 0, message })
    },
  })
  return mistakes
}

/** Turns a Date back into text, because YAML 1.1 parses times into objects. */
function textOfTime(_key: unknown, value: unknown): unknown {
  return value instanceof Date ? value.toISOString() : value
}

/** Removes known keys without a value from a block, so that they get the default, like in Loki. */
export function dropEmptyKeys(block: unknown, schema: { readonly properties?: object }): void {
  if (typeof block !== 'object' || block === null) return
  for (const [key, value] of Object.entries(block)) {
    if (value === null && Object.hasOwn(schema.properties ?? {}, key)) {
      Reflect.deleteProperty(block, key)
    }
  }
}
