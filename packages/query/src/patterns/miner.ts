// Finds the patterns that lines are made by, in one pass and in bounded memory, in the style of Drain
// (He et al., 2017) with Loki's measures: a tree leads along the words of a line, in which only a word
// with a digit, one too many at its place, or the last one may differ between the lines of a pattern.

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

/** The patterns of one stream. */
export class PatternMiner {
  /** Its children are the numbers of tokens. */
  readonly #root = createNode('')
  /** Least recently seen first. */
  readonly #clusters = new Set<Cluster>()

  /** Takes in a line that came in a time slot. */
  add(line: string, slot: number): void {
    this.#learn(tokensOf(line), new Map([[slot, 1]]))
  }

  /** Takes in what another miner found in lines of the same stream. */
  merge({ tokens, counts }: MinedPattern): void {
    this.#learn([...tokens], counts)
  }

  /** The patterns found, in no certain order. */
  patterns(): MinedPattern[] {
    return [...this.#clusters].map(({ tokens, counts }) => ({ tokens, counts }))
  }

  #learn(tokens: string[], counts: ReadonlyMap<number, number>): void {
    const leaf = this.#leafOf(tokens)
    let cluster = mostAlike(leaf.clusters, tokens)
    if (cluster) {
      generalise(cluster.tokens, tokens)
      this.#clusters.delete(cluster)
    } else {
      cluster = { tokens, counts: new Map(), leaf }
      leaf.clusters.push(cluster)
      if (this.#clusters.size >= clustersMax) this.#forgetOldest()
    }
    this.#clusters.add(cluster)
    for (const [slot, count] of counts) {
      cluster.counts.set(slot, (cluster.counts.get(slot) ?? 0) + count)
    }
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
    for (const oldest of this.#clusters) {
      this.#clusters.delete(oldest)
      const { clusters } = oldest.leaf
      clusters.splice(clusters.indexOf(oldest), 1)
      prune(oldest.leaf)
      return
    }
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
