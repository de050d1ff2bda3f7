// Finds text that every match must contain, so that a search can look for it first.

import type { RegexNode } from './syntax.ts'

/** Returns texts that are all in every match, longest first. Empty if there is no such text. */
export function requiredLiterals(root: RegexNode): string[] {
  const found: string[] = []
  collect(root, found)
  return [...new Set(found)].sort((a, b) => b.length - a.length)
}

// Collects the literals of a sequence. Adjacent characters join into one text.
function collect(node: RegexNode, found: string[]): void {
  let run = ''
  const endRun = () => {
    if (run !== '') found.push(run)
    run = ''
  }
  const visit = (part: RegexNode): void => {
    switch (part.kind) {
      case 'empty':
        return
      case 'assert':
        return
      case 'char':
        // U+FFFD may also be a byte that is not UTF-8, so it is not a reliable text.
        if (part.set.length === 2 && part.set[0] === part.set[1] && part.set[0] !== 0xfffd) {
          run += String.fromCodePoint(part.set[0]!)
        } else endRun()
        return
      case 'group':
        visit(part.body)
        return
      case 'concat':
        for (const inner of part.parts) visit(inner)
        return
      case 'repeat':
        if (part.min === 0) endRun()
        else if (part.max === 1) visit(part.body)
        else {
          endRun()
          collect(part.body, found)
        }
        return
      case 'alternate':
        endRun()
    }
  }
  visit(node)
  endRun()
}

/** Returns texts of which every match contains at least one, or `undefined` if there is no short list. */
export function alternativeLiterals(root: RegexNode): string[] | undefined {
  switch (root.kind) {
    case 'group':
      return alternativeLiterals(root.body)
    case 'concat': {
      let best: string[] | undefined
      const own = requiredLiterals(root)[0]
      if (own !== undefined) best = [own]
      for (const part of root.parts) {
        if (part.kind !== 'alternate' && part.kind !== 'group' && part.kind !== 'concat') continue
        const list = alternativeLiterals(part)
        if (list && shortest(list) > (best ? shortest(best) : 0)) best = list
      }
      return best
    }
    case 'alternate': {
      const all: string[] = []
      for (const branch of root.branches) {
        const list = alternativeLiterals(branch)
        if (!list) return undefined
        all.push(...list)
      }
      return all.length <= 16 ? all : undefined
    }
    case 'empty':
    case 'assert':
      return undefined
    case 'char':
    case 'repeat': {
      const literal = requiredLiterals(root)[0]
      return literal === undefined ? undefined : [literal]
    }
  }
}

function shortest(list: readonly string[]): number {
  return Math.min(...list.map(text => text.length))
}
