// Finds the texts that every match of a pattern contains, with their alternatives.

import { foldCharSet } from './char-set.ts'
import type { RegexNode } from './syntax.ts'

/** Texts that a longer text contains if a pattern matches it. */
export type NeededTexts =
  | {
      readonly kind: 'text'
      readonly text: string
      /** Whether the case of its ASCII letters does not matter. */
      readonly ignoresCase: boolean
    }
  | { readonly kind: 'all' | 'any'; readonly of: readonly NeededTexts[] }

/** Returns the texts that are in every match, or `undefined` if there are none. */
export function neededTexts(root: RegexNode): NeededTexts | undefined {
  const found: NeededTexts[] = []
  collect(root, found)
  return found.length > 0 ? { kind: 'all', of: found } : undefined
}

/** Characters in a row, until something else ends them. */
class Run {
  readonly #found: NeededTexts[]
  #exact = ''
  #folded = ''
  #isFolded = false

  constructor(found: NeededTexts[]) {
    this.#found = found
  }

  /** Adds a character. `letter` is the lower case of a letter whose case does not matter. */
  add({ exact, letter }: { readonly exact?: string; readonly letter?: string }): void {
    this.#folded += exact ?? letter ?? ''
    if (exact === undefined) {
      this.#endExact()
      this.#isFolded = true
    } else this.#exact += exact
  }

  #endExact(): void {
    if (this.#exact !== '') {
      this.#found.push({ kind: 'text', text: this.#exact, ignoresCase: false })
    }
    this.#exact = ''
  }

  end(): void {
    this.#endExact()
    if (this.#isFolded) this.#found.push({ kind: 'text', text: this.#folded, ignoresCase: true })
    this.#folded = ''
    this.#isFolded = false
  }
}

function collect(root: RegexNode, found: NeededTexts[]): void {
  const run = new Run(found)
  const visit = (node: RegexNode): void => {
    switch (node.kind) {
      case 'empty':
      case 'assert':
        return
      case 'char': {
        const character = characterOf(node)
        if (character) run.add(character)
        else run.end()
        return
      }
      case 'group':
        visit(node.body)
        return
      case 'concat':
        for (const part of node.parts) visit(part)
        return
      case 'repeat':
        if (node.min === 1 && node.max === 1) {
          visit(node.body)
          return
        }
        run.end()
        if (node.min > 0) collect(node.body, found)
        return
      case 'alternate': {
        run.end()
        const branches = node.branches.map(neededTexts)
        if (branches.every(branch => branch !== undefined))
          found.push({ kind: 'any', of: branches })
      }
    }
  }
  visit(root)
  run.end()
}

/** Returns the only character of a node, or the letter whose two cases it accepts. */
function characterOf({
  set,
}: Extract<RegexNode, { kind: 'char' }>): { exact?: string; letter?: string } | undefined {
  const [first] = set
  if (first === undefined) return undefined
  // U+FFFD may also be a byte that is not UTF-8, so it is not a reliable text.
  if (set.length === 2 && first === set[1]) {
    return first === 0xfffd ? undefined : { exact: String.fromCodePoint(first) }
  }
  // Some letters have a third case outside of ASCII, such as the long s. They end the run.
  const isCapital = first >= 0x41 && first <= 0x5a
  if (!isCapital || set.length !== 4 || set[2] !== first + 0x20 || set[3] !== set[2])
    return undefined
  if (String(foldCharSet([first, first])) !== String(set)) return undefined
  return { letter: String.fromCharCode(first + 0x20) }
}
