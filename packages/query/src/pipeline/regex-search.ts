// Runs a regular expression over the lines of a whole block. Skips lines that lack a text every match needs,
// and searches the rest in one run if that gives the same result.

import type { CompiledRegex } from '@skald/go-dialect/regex/regex'
import { type BlockText, visitRuns } from './block-text.ts'
import { type RowSelection, rowAt } from './row-selection.ts'
import { boundsOf, forEachMarked, isSparse, markText, rowOf } from './text-search.ts'

export interface BlockRegex {
  /** Sets `marks` to 1 for the selected rows that match. */
  mark(text: BlockText, selection: RowSelection, marks: Uint8Array): void
}

/** Shorter texts are in too many lines to be worth a separate search. */
const literalLengthMin = 3
const newline = 0x0a

/** Prepares a regular expression for whole blocks. */
export function createBlockRegex(regex: CompiledRegex): BlockRegex {
  const needles = needlesOf(regex)
  const testRow = (text: BlockText, row: number) => regex.test(text.line(row))
  return {
    mark: (text, selection, marks) => {
      if (isSparse(selection, text)) {
        for (let i = 0; i < selection.count; i++) {
          const row = rowAt(selection, i)
          if (testRow(text, row)) marks[row] = 1
        }
        return
      }
      if (needles) {
        const candidates = new Uint8Array(selection.to)
        for (const needle of needles) markText(needle, text, selection, candidates)
        if (countMarks(candidates) < selection.count / 4 || !regex.blockSearch) {
          forEachMarked(selection, candidates, row => {
            if (testRow(text, row)) marks[row] = 1
          })
          return
        }
      }
      if (regex.blockSearch) searchBlock(regex, text, selection, marks)
      else {
        for (let i = 0; i < selection.count; i++) {
          const row = rowAt(selection, i)
          if (testRow(text, row)) marks[row] = 1
        }
      }
    },
  }
}

function needlesOf(regex: CompiledRegex): Buffer[] | undefined {
  const [literal] = regex.literals
  if (literal !== undefined && literal.length >= literalLengthMin) return [Buffer.from(literal)]
  const { alternatives } = regex
  if (!alternatives || alternatives.length > 4) return undefined
  if (alternatives.some(text => text.length < literalLengthMin)) return undefined
  return alternatives.map(text => Buffer.from(text))
}

function countMarks(marks: Uint8Array): number {
  let count = 0
  for (const mark of marks) count += mark
  return count
}

// Lines the search cannot decide (too long, or with a line break that matters) are tested one by one.
function searchBlock(
  regex: CompiledRegex,
  text: BlockText,
  selection: RowSelection,
  marks: Uint8Array,
): void {
  const search = regex.blockSearch!
  const { bytes } = text
  const hasNewline = (row: number) => bytes.indexOf(newline, text.startOf(row)) < text.endOf(row)
  if (search.lineLengthMax < Number.POSITIVE_INFINITY && hasLongLine(text, selection, search)) {
    for (let i = 0; i < selection.count; i++) {
      const row = rowAt(selection, i)
      if (regex.test(text.line(row))) marks[row] = 1
    }
    return
  }
  if (search.dropsNewline) {
    for (let i = 0; i < selection.count; i++) {
      const row = rowAt(selection, i)
      if (hasNewline(row) && regex.test(text.line(row))) marks[row] = 1
    }
  }
  const isCertain = (row: number) => !search.hasTextAnchor || !hasNewline(row)
  let row = selection.from
  // A match never crosses a line break, so it is found in the run in which its line begins.
  visitRuns(bytes, boundsOf(text, selection), (run, start) => {
    for (let at = 0; at < run.length; ) {
      search.regex.lastIndex = at
      const match = search.regex.exec(run)
      // The place after the last line break belongs to the next run.
      if (!match || match.index >= run.length) return true
      row = rowOf(text.offsets, start + match.index, row)
      if (isCertain(row) || regex.test(text.line(row))) marks[row] = 1
      at = text.offsets[++row]! - start
      if (row >= selection.to) return false
    }
    return true
  })
}

function hasLongLine(
  { offsets }: BlockText,
  selection: RowSelection,
  { lineLengthMax }: { readonly lineLengthMax: number },
): boolean {
  for (let row = selection.from; row < selection.to; row++) {
    if (offsets[row + 1]! - offsets[row]! - 1 > lineLengthMax) return true
  }
  return false
}
