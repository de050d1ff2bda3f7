// The keys that blocks of a stream must have to matter to a leaf, and to the delete rules that may hide some of
// their rows.

import { type Leaf, type Need, needOfLeaf, needOfLog, type Pause } from '@skald/query'
import type { LabelSet } from '@skald/wire'
import type { DeleteRule } from '../deletes/delete-rule.ts'
import { labelNamesOf, type NeededKeys, neededKeys } from '../segment/filter/need-keys.ts'

/** The answer for streams of which any block may matter. */
const anyBlock = -1

/** The keys of a leaf and of delete rules. Streams are addressed by their index. */
export class WantedKeys {
  /** Lists of keys. All answers are indexes in it, or -1. */
  readonly keys: NeededKeys[] = []
  readonly #streams: readonly LabelSet[]
  readonly #leaf: KeysOfNeed
  readonly #rules: (KeysOfNeed | undefined)[] = []
  readonly #deletes: readonly DeleteRule[]

  constructor(leaf: Leaf, deletes: readonly DeleteRule[], streams: readonly LabelSet[]) {
    this.#streams = streams
    this.#leaf = new KeysOfNeed(needOfLeaf(leaf), this.keys)
    this.#deletes = deletes
  }

  /** Finds the keys of the leaf for all streams, which later look-ups then return at once. */
  async plan(pause: Pause): Promise<void> {
    for (const [index, labels] of this.#streams.entries()) {
      await pause(this.#leaf.find(index, labels))
    }
  }

  /** Returns the index of the keys of the leaf for a stream, -1 if any block may matter. */
  ofLeaf(stream: number): number {
    return this.#leaf.of(stream)
  }

  /** The same for a delete rule. Found when first needed: most rules touch few streams. */
  ofRule(rule: number, stream: number): number {
    this.#rules[rule] ??= new KeysOfNeed(needOfLog(this.#deletes[rule]!.log), this.keys)
    const keys = this.#rules[rule]
    keys.find(stream, this.#streams[stream]!)
    return keys.of(stream)
  }
}

/** The keys of one need, by stream. Streams that have the same labels, of those that matter, share them. */
class KeysOfNeed {
  readonly #need: Need | undefined
  readonly #names: readonly string[]
  readonly #all: NeededKeys[]
  readonly #byKind = new Map<string, number>()
  readonly #byStream: (number | undefined)[] = []

  constructor(need: Need | undefined, all: NeededKeys[]) {
    this.#need = need
    this.#names = need ? labelNamesOf(need) : []
    this.#all = all
  }

  of(stream: number): number {
    return this.#byStream[stream] ?? anyBlock
  }

  /** Finds the keys of a stream. Returns how much work that was. */
  find(stream: number, labels: LabelSet): number {
    if (!this.#need || this.#byStream[stream] !== undefined) return 0
    const kind = this.#names
      .map(name => (labels.some(label => label.name === name) ? 1 : 0))
      .join('')
    let index = this.#byKind.get(kind)
    if (index === undefined) {
      const needed = neededKeys(this.#need, labels)
      index = needed ? this.#all.push(needed) - 1 : anyBlock
      this.#byKind.set(kind, index)
    }
    this.#byStream[stream] = index
    return this.#names.length
  }
}
