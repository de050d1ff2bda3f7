// Finds the patterns that lines are made by, in one pass and in bounded memory, in the style of Drain
// (He et al., 2017): lines of the same shape are compared, and a line that has enough words in common
// with a pattern makes it stand for anything where they differ.

import { anything, isWord, tokensOf } from './tokens.ts'

/** A pattern and when its lines came. */
export interface MinedPattern {
  readonly tokens: readonly string[]
  /** Number of a time slot → lines in it. */
  readonly counts: ReadonlyMap<number, number>
}

interface Cluster {
  readonly tokens: string[]
  readonly counts: Map<number, number>
  /** Where it is found. */
  readonly leaf: Cluster[]
}

/** So much of a pattern's own words a line must have to belong to it. */
const ownShareMin = 0.5
/** So much of the line's words the pattern must have: one that says nothing takes nothing in. */
const lineShareMin = 0.3
/** Patterns of one miner; the one that was not seen for the longest time makes room. */
const clustersMax = 300

/** The patterns of one stream. */
export class PatternMiner {
  /** Shape of the lines → their patterns. */
  readonly #leaves = new Map<string, Cluster[]>()
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
    const shape = shapeOf(tokens)
    let leaf = this.#leaves.get(shape)
    if (!leaf) {
      leaf = []
      this.#leaves.set(shape, leaf)
    }
    let cluster = mostAlike(leaf, tokens)
    if (cluster) {
      generalise(cluster.tokens, tokens)
      this.#clusters.delete(cluster)
    } else {
      cluster = { tokens, counts: new Map(), leaf }
      leaf.push(cluster)
      if (this.#clusters.size >= clustersMax) this.#forgetOldest()
    }
    this.#clusters.add(cluster)
    for (const [slot, count] of counts) {
      cluster.counts.set(slot, (cluster.counts.get(slot) ?? 0) + count)
    }
  }

  #forgetOldest(): void {
    for (const oldest of this.#clusters) {
      this.#clusters.delete(oldest)
      const { leaf } = oldest
      leaf.splice(leaf.indexOf(oldest), 1)
      if (leaf.length === 0) this.#leaves.delete(shapeOf(oldest.tokens))
      return
    }
  }
}

/** The characters between the words: what a pattern takes in never changes them. */
function shapeOf(tokens: readonly string[]): string {
  let shape = ''
  for (const token of tokens) shape += isWord(token) ? 'w' : token
  return shape
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

/** Words that a pattern and a line of its shape have in common; -1 when those are too few. */
function commonWords(pattern: readonly string[], tokens: readonly string[]): number {
  let common = 0
  let own = 0
  let ofLine = 0
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!
    if (!isWord(token)) continue
    if (token !== anything) ofLine++
    if (pattern[i] === anything) continue
    own++
    if (pattern[i] === token) common++
  }
  return common >= own * ownShareMin && common >= ofLine * lineShareMin ? common : -1
}

function generalise(pattern: string[], tokens: readonly string[]): void {
  for (let i = 0; i < pattern.length; i++) if (pattern[i] !== tokens[i]) pattern[i] = anything
}
