// `| regexp "(?P<name>...)"`: turns the named groups of the first match into labels.

import { quoteGoString } from '@skald/go-dialect'
import { compileRegex } from '@skald/go-dialect/regex/regex'
import { createRegexpFields } from '../fields/regexp-fields.ts'
import { Extraction, sanitizeLabelName } from '../pipeline/extraction.ts'
import type { LabelNeeds, RunStage } from '../pipeline/stage.ts'
import type { StageDefinition } from './definition.ts'
import { withPrefix } from './error-prefix.ts'

export interface RegexpStage {
  readonly kind: 'regexp'
  readonly pattern: string
}

export const regexpStage: StageDefinition<RegexpStage> = {
  kind: 'regexp',
  begins: ['regexp'],
  parse(reader) {
    reader.take()
    return { kind: 'regexp', pattern: reader.expect('STRING').text }
  },
  format: ({ pattern }) => `| regexp ${quoteGoString(pattern)}`,
  checkParsed: checkRegexp,
  regexes: ({ pattern }, visit) => visit(pattern, { anchored: false }),
  compile: compileRegexp,
  fields: createRegexpFields,
  parsesLine: true,
  keepsFields: true,
  readsLine: true,
}

function checkRegexp({ pattern }: RegexpStage): void {
  withPrefix('invalid regexp parser: ', () => {
    const names = compileRegex(pattern).groupNames.filter(name => name !== undefined)
    const repeated = names.find((name, i) => names.indexOf(name) < i)
    if (repeated !== undefined) {
      throw new SyntaxError(`duplicate extracted label name '${repeated}'`)
    }
    if (names.length === 0) throw new SyntaxError('at least one named capture must be supplied')
  })
}

function compileRegexp({ pattern }: RegexpStage, needs: LabelNeeds): RunStage {
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
