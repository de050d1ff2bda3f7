// Runs line filters over whole blocks. A text is searched in the block's buffer and hits are mapped to rows,
// so lines without it are never read one by one.

import { compileRegex } from '@skald/go-dialect/regex/regex'
import type { BlockText } from '../pipeline/block-text.ts'
import { findIp } from '../pipeline/ip.ts'
import { parseIpRange } from '../pipeline/ip-range.ts'
import { parsePatternFilter } from '../pipeline/pattern-expression.ts'
import { createPatternTest } from '../pipeline/pattern-filter.ts'
import { type BlockRegex, createBlockRegex } from '../pipeline/regex-search.ts'
import {
  filterSelection,
  type RowSelection,
  rowAt,
  selectRange,
} from '../pipeline/row-selection.ts'
import { forEachMarked, markText } from '../pipeline/text-search.ts'
import type { StageDefinition } from './definition.ts'
import { passesEveryLine, withoutIdleTerms, withoutOpenBranches } from './idle-terms.ts'
import {
  formatLineFilter,
  isAddress,
  type LineFilterStage,
  type LineFilterTerm,
  lineFilterOps,
  parseLineFilter,
} from './line-filter-syntax.ts'

/** A compiled line filter. */
export interface LineFilter {
  /** Cost per line. Cheaper filters run first. */
  readonly cost: number
  /** Keeps the rows of a block whose lines pass. */
  filterBlock(text: BlockText, selection: RowSelection): RowSelection
  /** Tests one line that an earlier stage changed. */
  testLine(line: string): boolean
}

// One operand of a filter.
interface Term {
  readonly cost: number
  /** Returns true if no line of a block can match. Does not need line starts. */
  isAbsent?(text: BlockText): boolean
  /** Sets `marks` to 1 for the selected rows that match. */
  mark(text: BlockText, selection: RowSelection, marks: Uint8Array): void
  test(line: string): boolean
}

export const lineFilterStage: StageDefinition<LineFilterStage> = {
  kind: 'lineFilter',
  begins: lineFilterOps,
  isBare: true,
  parse: parseLineFilter,
  format: formatLineFilter,
  checkBuilt(stage) {
    for (const term of stage.terms) checkTerm(stage, term)
  },
  regexes({ op, terms }, visit) {
    if (op !== '|~' && op !== '!~') return
    for (const { value } of terms) visit(value, { anchored: false })
  },
  compile(stage) {
    const filter = compileLineFilter(stage)
    return line => filter.testLine(line.text)
  },
  keepsFields: true,
  readsLine: true,
  readsOnlyLabels: passesEveryLine,
}

function checkTerm({ op, terms }: LineFilterStage, term: LineFilterTerm): void {
  if (isAddress({ op, terms }, term)) {
    if (op !== '|=' && op !== '!=') throw new SyntaxError('ip: invalid operation')
    parseIpRange(term.value)
  } else if (op === '|~' || op === '!~') compileRegex(term.value)
  else if (op === '|>' || op === '!>') parsePatternFilter(term.value)
}

/** Compiles a line filter stage. */
export function compileLineFilter(stage: LineFilterStage): LineFilter {
  const { op } = stage
  const terms = withoutIdleTerms(stage)
  const compiled = terms.map(term => compileTerm(op, term, isAddress(stage, term)))
  const isNegated = op === '!=' || op === '!~' || op === '!>'
  const onlyTerm = compiled.length === 1 ? compiled[0] : undefined
  return {
    cost: Math.max(...compiled.map(term => term.cost)) + (isNegated ? 1 : 0),
    filterBlock: (text, selection) => {
      if (selection.count === 0) return selection
      // One search over the block is faster than one per line while most rows are selected.
      const isWhole = selection.count * 2 >= selection.to
      if (isWhole && !isNegated && onlyTerm?.isAbsent?.(text)) return selectRange(0, 0)
      const marks = new Uint8Array(selection.to)
      for (const term of compiled) term.mark(text, selection, marks)
      const wanted = isNegated ? 0 : 1
      return filterSelection(selection, row => marks[row] === wanted)
    },
    testLine: line => compiled.some(term => term.test(line)) !== isNegated,
  }
}

function compileTerm(
  op: LineFilterStage['op'],
  term: LineFilterTerm,
  isAddressTerm: boolean,
): Term {
  if (isAddressTerm) return ipTerm(term.value)
  if (op === '|~' || op === '!~') return regexTerm(term.value)
  if (op === '|>' || op === '!>') return patternTerm(term.value)
  return textTerm(term.value)
}

function textTerm(text: string): Term {
  const needle = Buffer.from(text, 'utf8')
  return {
    cost: 0,
    test: line => line.includes(text),
    isAbsent: block => {
      const rows = block.rowsWith(needle)
      return rows ? !rows.includes(1) : block.bytes.indexOf(needle) < 0
    },
    mark: (block, selection, marks) => {
      const rows = block.rowsWith(needle)
      if (rows) forEachMarked(selection, rows, row => (marks[row] = 1))
      else markText(needle, block, selection, marks)
    },
  }
}

function regexTerm(pattern: string): Term {
  const regex = compileRegex(withoutOpenBranches(pattern) ?? pattern)
  if (regex.literal !== undefined) return textTerm(regex.literal)
  const search: BlockRegex = createBlockRegex(regex)
  return {
    cost: 2,
    test: line => regex.test(line),
    mark: (text, selection, marks) => search.mark(text, selection, marks),
  }
}

// Candidates are the lines that contain the longest text of the pattern.
function patternTerm(pattern: string): Term {
  const parts = parsePatternFilter(pattern)
  const test = createPatternTest(parts)
  const bytesTest = createPatternTest(
    parts.map(part =>
      part.kind === 'literal' ? { ...part, text: Buffer.from(part.text).toString('latin1') } : part,
    ),
  )
  const literals = parts.flatMap(part => (part.kind === 'literal' ? [part.text] : []))
  const [longest] = literals.sort((a, b) => b.length - a.length)
  const needle = longest === undefined ? undefined : Buffer.from(longest)
  return {
    cost: 2,
    test,
    mark: (text, selection, marks) => {
      const candidates = new Uint8Array(selection.to)
      if (needle) markText(needle, text, selection, candidates)
      else candidates.fill(1)
      forEachMarked(selection, candidates, row => {
        if (bytesTest(text.latin1Line(row))) marks[row] = 1
      })
    },
  }
}

function ipTerm(pattern: string): Term {
  const range = parseIpRange(pattern)
  return {
    cost: 3,
    test: line => findIp(line, range),
    mark: (text, selection, marks) => {
      for (let i = 0; i < selection.count; i++) {
        const row = rowAt(selection, i)
        if (findIp(text.latin1Line(row), range)) marks[row] = 1
      }
    },
  }
}
