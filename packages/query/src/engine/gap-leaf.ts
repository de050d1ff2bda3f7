// The leaf that finds the gap markers of another leaf's streams.

import { gapNames, type LabelSet } from '@skald/wire'
import type { FoundEntry, GapMark } from '../plan/leaf-result.ts'
import type { LogLeaf, SampleLeaf } from '../plan/log-source.ts'
import { parseLogql } from '../syntax/parser.ts'
import type { LogExpr } from '../syntax-tree/ast.ts'

/** Returns a leaf for the newest markers in the range of another one. */
export function gapLeafOf(
  { matchers, startNs, endNs }: Pick<LogLeaf | SampleLeaf, 'matchers' | 'startNs' | 'endNs'>,
  limit: number,
): LogLeaf {
  const { stages } = parseLogql(`{a="b"} | ${gapNames.kind}!=""`) as LogExpr
  const log: LogExpr = { kind: 'log', matchers, stages }
  return { kind: 'logs', log, matchers, startNs, endNs, direction: 'backward', limit }
}

/** Reads a marker. */
export function gapMarkOf({ timestampNs, streamKey, labels }: FoundEntry): GapMark {
  return {
    ...{ timestampNs, streamKey },
    bytes: numberIn(labels.metadata, gapNames.bytes),
    lines: numberIn(labels.metadata, gapNames.lines),
  }
}

function numberIn(metadata: LabelSet, name: string): number {
  const value = Number(metadata.find(label => label.name === name)?.value)
  return Number.isSafeInteger(value) && value > 0 ? value : 0
}
