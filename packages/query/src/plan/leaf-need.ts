// What a row must contain to matter to a leaf or a log query.

import type { Need } from '../pipeline/need.ts'
import { needOf } from '../stages/row-needs.ts'
import type { LogExpr } from '../syntax-tree/ast.ts'
import type { Leaf } from './log-source.ts'

/** Returns `undefined` if any row may matter. */
export function needOfLeaf(leaf: Leaf): Need | undefined {
  switch (leaf.kind) {
    case 'logs':
    case 'patterns':
      return needOf(leaf.log.stages)
    case 'samples':
      return needOf(leaf.range.log.stages)
    case 'volume':
      return undefined
  }
}

/** Returns what the rows of a log query contain, `undefined` if any row may be one. */
export function needOfLog({ stages }: LogExpr): Need | undefined {
  return needOf(stages)
}
