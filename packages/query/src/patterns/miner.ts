// Finds the patterns that lines are made by, in one pass and in bounded memory, in the style of Drain
// (He et al., 2017) with Loki's measures: a tree leads along the words of a line, in which only a word
// with a digit, one too many at its place, or the last one may differ between the lines of a pattern.

import { shapeOf } from './shape.ts'
import { anything, isWord, tokensOf } from './tokens.ts'

/** A pattern and when its lines came. */
export interface MinedPattern {
  readonly tokens: readonly string[]
  /** Number of a time slot → lines in it. */
  readonly counts: ReadonlyMap<number, number>
}

interface Cluster extends MinedPattern {
  readonly tokens: string[]
  readonly counts: Map<number, number>
  /** Where it is found. */
  readonly leaf: TreeNode
  /** When a line of it came last, counted in lines. */
  seen: number
  isForgotten: boolean
}

/** A line in memory. */
export interface LineBytes {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** A place in the tree: what may follow the tokens that led here. */
interface TreeNode {
  readonly parent: TreeNode | undefined
  readonly token: string
  readonly children: Map<string, TreeNode>
  readonly clusters: Cluster[]
}

/** Different tokens that are told apart at one place; further ones are as good as any. */
const childrenMax = 15
/** Tokens of a line that the tree looks at. */
const depthMax = 28
/** So much of a line's words must be a pattern's own for the line to belong to it. */
const likenessMin = 0.3
/** Patterns of one miner; the one that was not seen for the longest time makes room. */
const clustersMax = 300
/** Shapes whose pattern is remembered; beyond it that begins anew. */
const shapesMax = 4096

/** The patterns of one stream. */
export class PatternMiner {
  /** Its children are the numbers of tokens. */
  readonly #root = createNode('')
  readonly #clusters = new Set<Cluster>()
  /** Shape of lines → their pattern. */
  readonly #shapes = new Map<number, Cluster>()
  #lines = 0

  /** Takes in a line of a known shape that came in a time slot; `false` for others, which cost ten times as much. */
  addKnown({ bytes, start, end }: LineBytes, slot: number): boolean {
    const cluster = this.#shapes.get(shapeOf(bytes, start, end))
    if (!cluster || cluster.isForgotten) return false
    cluster.seen = ++this.#lines
    cluster.counts.set(slot, (cluster.counts.get(slot) ?? 0) + 1)
    return true
  }

  /** Takes in any line that came in a time slot. */
  add(line: LineBytes, slot: number): void {
    const { bytes, start, end } = line
    const tokens = tokensOf(bytes.toString('utf8', start, end))
    const cluster = this.#learn(tokens, new Map([[slot, 1]]))
    const shape = shapeOf(bytes, start, end)
    if (shape < 0) return
    if (this.#shapes.size >= shapesMax) this.#shapes.clear()
    this.#shapes.set(shape, cluster)
  }

  /** Takes in what another miner found in lines of the same stream. */
  merge({ tokens, counts }: MinedPattern): void {
    this.#learn([...tokens], counts)
  }

  /** The patterns found, in no certain order. */
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
      if (this.#clusters.size >= clustersMax) this.#forgetOldest()
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
    const depth = Math.min(depthMax, tokens.length - 1)
    for (let i = 0; i < depth; i++) {
      const { children } = node
      const isTold = children.has(tokens[i]!) || children.size < childrenMax
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

/** Takes away the branches that lead to no pattern any more. */
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

/** Words that a pattern and a line have in common; -1 when those are too few of the line's. */
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
