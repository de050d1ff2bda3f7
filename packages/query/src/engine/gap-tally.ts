// Sums up the gap markers that the leaves of a query met, for the warning of its answer.

import { formatRfc3339 } from '@skald/go-dialect'
import { gapNames } from '@skald/wire'
import type { FoundGaps, GapMark } from '../plan/leaf-result.ts'

/** The gaps of one query. Leaves that overlap report the same marker; it counts once. */
export class GapTally {
  readonly #marks = new Map<string, GapMark>()
  #hasMore = false

  add(gaps: FoundGaps | undefined): void {
    if (!gaps) return
    this.#hasMore ||= gaps.hasMore
    for (const mark of gaps.marks) {
      const { timestampNs, streamKey, bytes, lines } = mark
      this.#marks.set(`${timestampNs} ${bytes} ${lines} ${streamKey}`, mark)
    }
  }

  /** Returns a sentence about the gaps, or `undefined` if there are none. */
  warning(): string | undefined {
    const marks = [...this.#marks.values()]
    const [first] = marks
    if (!first) return undefined
    let { timestampNs: fromNs, timestampNs: toNs } = first
    let bytes = 0
    let lines = 0
    for (const mark of marks) {
      if (mark.timestampNs < fromNs) fromNs = mark.timestampNs
      if (mark.timestampNs > toNs) toNs = mark.timestampNs
      bytes += mark.bytes
      lines += mark.lines
    }
    const amounts = [
      counted(marks.length, 'gap'),
      ...(bytes > 0 ? [`${counted(bytes, 'byte')} missing`] : []),
      ...(lines > 0 ? [`${counted(lines, 'line')} counted`] : []),
    ]
    const when =
      fromNs === toNs
        ? `at ${formatRfc3339(fromNs)}`
        : `between ${formatRfc3339(fromNs)} and ${formatRfc3339(toNs)}`
    const least = this.#hasMore ? 'at least ' : ''
    return (
      `lines are missing from these streams: ${least}${amounts.join(', ')}, noted ${when}; ` +
      `add | ${gapNames.kind}!="" to see why`
    )
  }
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`
}
