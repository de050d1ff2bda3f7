// Finds the patterns of lines in one pass and bounded memory, in the style of Drain (He et al., 2017) with
// Loki's parameters. A tree follows the words of a line. Lines of one pattern may differ only in words with
// a digit, in the last word, and at places with too many different words.

import {
  patternChildrenMax,
  patternDepthMax,
  patternShapesMax,
  patternsPerMinerMax,
} from '../limits.ts'
import { shapeOf } from './shape.ts'
import { anything, isWord, tokensOf } from './tokens.ts'

/** A pattern, and when its lines arrived. */
export interface MinedPattern {
  readonly tokens: readonly string[]
  /** Number of a time slot → lines in it. */
  readonly counts: ReadonlyMap<number, number>
}

interface Cluster extends MinedPattern {
  readonly tokens: string[]
  readonly counts: Map<number, number>
  /** Its place in the tree. */
  readonly leaf: TreeNode
  /** When its last line arrived, counted in lines. */
  seen: number
  isForgotten: boolean
}

/** The bytes of a line in a buffer. */
export interface LineBytes {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** A node of the tree: the tokens that may follow those on the path to it. */
interface TreeNode {
  readonly parent: TreeNode | undefined
  readonly token: string
  readonly children: Map<string, TreeNode>
  readonly clusters: Cluster[]
}

/** A line belongs to a pattern only if at least this share of its words match. */
const likenessMin = 0.3

/** The patterns of one stream. */
export class PatternMiner {
  /** Its children are keyed by number of tokens. */
  readonly #root = createNode('')
  readonly #clusters = new Set<Cluster>()
  /** Line shape → pattern. */
  readonly #shapes = new Map<number, Cluster>()
  #lines = 0

  /**
   * Adds a line in a time slot if its shape is known. Returns false for others, which cost ten times as
   * much.
   */
  addKnown({ bytes, start, end }: LineBytes, slot: number): boolean {
    const cluster = this.#shapes.get(shapeOf(bytes, start, end))
    if (!cluster || cluster.isForgotten) return false
    cluster.seen = ++this.#lines
    cluster.counts.set(slot, (cluster.counts.get(slot) ?? 0) + 1)
    return true
  }

  /** Adds any line in a time slot. */
  add(line: LineBytes, slot: number): void {
    const { bytes, start, end } = line
    const tokens = tokensOf(bytes.toString('utf8', start, end))
    const cluster = this.#learn(tokens, new Map([[slot, 1]]))
    const shape = shapeOf(bytes, start, end)
    if (shape < 0) return
    if (this.#shapes.size >= patternShapesMax) this.#shapes.clear()
    this.#shapes.set(shape, cluster)
  }

  /** Adds a pattern that another miner found in the same stream. */
  merge({ tokens, counts }: MinedPattern): void {
    this.#learn([...tokens], counts)
  }

  /** Returns the patterns found, in no particular order. */
  patterns(): MinedPattern[] {
    return [...this.#clusters].map(({ tokens, counts }) => ({ tokens, counts }))
  }

  #learn(tokens: string[], counts: ReadonlyMap<number, number>): Cluster {
    const leaf = this.#leafOf(tokens)
    let cluster = mostAlike(leaf.clusters, tokens)
    if (cluster) generalise(cluster.tokens, tokens)
    else {
      cluster = { tokens, counts: new Map(), leaf, seen: 0, isForgotten: false }
      leaf.clusters.push(cluster)
      if (this.#clusters.size >= patternsPerMinerMax) this.#forgetOldest()
      this.#clusters.add(cluster)
    }
    cluster.seen = ++this.#lines
    for (const [slot, count] of counts) {
      cluster.counts.set(slot, (cluster.counts.get(slot) ?? 0) + count)
    }
    return cluster
  }

  #leafOf(tokens: readonly string[]): TreeNode {
    let node = childOf(this.#root, String(tokens.length))
    // The last token is left to the comparison.
    const depth = Math.min(patternDepthMax, tokens.length - 1)
    for (let i = 0; i < depth; i++) {
      const { children } = node
      const isTold = children.has(tokens[i]!) || children.size < patternChildrenMax
      node = childOf(node, isTold ? tokens[i]! : anything)
    }
    return node
  }

  #forgetOldest(): void {
    let oldest: Cluster | undefined
    for (const cluster of this.#clusters) {
      if (!oldest || cluster.seen < oldest.seen) oldest = cluster
    }
    if (!oldest) return
    oldest.isForgotten = true
    this.#clusters.delete(oldest)
    const { clusters } = oldest.leaf
    clusters.splice(clusters.indexOf(oldest), 1)
    prune(oldest.leaf)
  }
}

function createNode(token: string, parent?: TreeNode): TreeNode {
  return { parent, token, children: new Map(), clusters: [] }
}

function childOf(node: TreeNode, token: string): TreeNode {
  let child = node.children.get(token)
  if (!child) {
    child = createNode(token, node)
    node.children.set(token, child)
  }
  return child
}

/** Removes branches that no longer lead to a pattern. */
function prune(leaf: TreeNode): void {
  let node = leaf
  while (node.parent && node.children.size === 0 && node.clusters.length === 0) {
    node.parent.children.delete(node.token)
    node = node.parent
  }
}

function mostAlike(clusters: readonly Cluster[], tokens: readonly string[]): Cluster | undefined {
  let best: Cluster | undefined
  let bestCount = -1
  for (const cluster of clusters) {
    const count = commonWords(cluster.tokens, tokens)
    if (count <= bestCount) continue
    best = cluster
    bestCount = count
  }
  return best
}

/** Counts the words a pattern and a line share. Returns -1 if that is too small a share of the line. */
function commonWords(pattern: readonly string[], tokens: readonly string[]): number {
  let common = 0
  let ofLine = 0
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i] === anything || !isWord(tokens[i]!)) continue
    ofLine++
    if (pattern[i] === tokens[i]) common++
  }
  return common >= ofLine * likenessMin ? common : -1
}

function generalise(pattern: string[], tokens: readonly string[]): void {
  for (let i = 0; i < pattern.length; i++) if (pattern[i] !== tokens[i]) pattern[i] = anything
}
