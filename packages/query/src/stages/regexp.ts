// `| regexp "(?P<name>...)"`: named groups of the first match become labels.

import { compileRegex } from '@skald/go-dialect/regex/regex'
import { Extraction, sanitizeLabelName } from '../pipeline/extraction.ts'
import type { LabelNeeds, RunStage } from '../pipeline/stage.ts'
import type { Stage } from '../syntax-tree/ast.ts'

export function compileRegexp(
  { pattern }: Extract<Stage, { kind: 'regexp' }>,
  needs: LabelNeeds,
): RunStage {
  const regex = compileRegex(pattern)
  const groups = [...regex.groupNames.entries()].flatMap(([index, name]) =>
    name === undefined ? [] : [{ index, name: sanitizeLabelName(name) }],
  )
  const extraction = new Extraction(needs)
  if (extraction.isIdle) return () => true
  return line => {
    const match = regex.exec(line.text)
    if (!match) return true
    extraction.start(line.labels)
    for (const { index, name } of groups) extraction.add(name, match.groups[index] ?? '')
    return true
  }
}
