// `| pattern "<ip> - <_>"`: the line is cut at the texts between the captures.

import { quoteGoString } from '@skald/go-dialect'
import { createPatternFields } from '../fields/pattern-fields.ts'
import { Extraction } from '../pipeline/extraction.ts'
import { parsePatternCaptures } from '../pipeline/pattern-expression.ts'
import type { LabelNeeds, RunStage } from '../pipeline/stage.ts'
import type { StageDefinition } from './definition.ts'
import { withPrefix } from './error-prefix.ts'

export interface PatternStage {
  readonly kind: 'pattern'
  readonly pattern: string
}

export const patternStage: StageDefinition<PatternStage> = {
  kind: 'pattern',
  begins: ['pattern'],
  parse(reader) {
    reader.take()
    return { kind: 'pattern', pattern: reader.expect('STRING').text }
  },
  format: ({ pattern }) => `| pattern ${quoteGoString(pattern)}`,
  checkParsed({ pattern }) {
    withPrefix('invalid pattern parser: ', () => parsePatternCaptures(pattern))
  },
  compile: compilePattern,
  fields: createPatternFields,
  parsesLine: true,
  keepsFields: true,
  readsLine: true,
}

function compilePattern({ pattern }: PatternStage, needs: LabelNeeds): RunStage {
  const parts = parsePatternCaptures(pattern)
  const first = parts[0]!
  const lead = first.kind === 'literal' ? first.text : ''
  // Each capture with the text that ends it.
  const captures = parts.flatMap((part, i) => {
    if (part.kind === 'literal') return []
    const next = parts[i + 1]
    return [{ name: part.name, end: next?.kind === 'literal' ? next.text : undefined }]
  })
  const extraction = new Extraction(needs)
  if (extraction.isIdle) return () => true
  return line => {
    const { text } = line
    if (text === '' || !text.startsWith(lead)) return true
    extraction.start(line.labels)
    if (extraction.isComplete) return true
    let at = lead.length
    for (const { name, end } of captures) {
      const stop = end === undefined ? -1 : text.indexOf(end, at)
      if (name !== '_') extraction.add(name, stop < 0 ? text.slice(at) : text.slice(at, stop))
      if (stop < 0) return true
      at = stop + end!.length
    }
    return true
  }
}
