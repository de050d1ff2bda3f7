// YAML files, with the line and column of everything in them.

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

/** What messages call the top of a file. */
export const wholeFile = 'the configuration'

/** A file that was read. */
export interface ConfigDocument {
  /** What the file says; null for an empty one. */
  readonly value: unknown
  /** Names what is wrong at a path of keys, or at the last key on the way to it that is there. */
  problemAt(keys: readonly string[], message: string): ConfigProblem
}

/**
 * Reads YAML.
 *
 * @throws ConfigError where it is none.
 */
export function readYaml(text: string, path: string): ConfigDocument {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, {
    ...{ lineCounter, prettyErrors: false, version: '1.1' },
    // Looked at below, since the library compares each key with each.
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

/** Makes what finds the offset of the key (or of the list's item) at a path of keys. */
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

/** What a document says; a ReferenceError where aliases of aliases become more than anybody means to write. */
function plainValue(document: Document): unknown {
  try {
    return document.toJS({ reviver: textOfTime })
  } catch (error) {
    if (error instanceof ReferenceError) return error
    throw error
  }
}

/** Finds keys that stand twice, and aliases inside of what they name, which would be read without end. */
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

/** YAML 1.1 makes objects of texts that are times. */
function textOfTime(_key: unknown, value: unknown): unknown {
  return value instanceof Date ? value.toISOString() : value
}

/** Takes the known keys without a value out of a block: they are the default, as with Loki. */
export function dropEmptyKeys(block: unknown, schema: { readonly properties?: object }): void {
  if (typeof block !== 'object' || block === null) return
  for (const [key, value] of Object.entries(block)) {
    if (value === null && Object.hasOwn(schema.properties ?? {}, key)) {
      Reflect.deleteProperty(block, key)
    }
  }
}
