// `| logfmt`, with its flags, and `| logfmt x="key"`.

import { createLogfmtFields } from '../fields/logfmt-fields.ts'
import { Extraction } from '../pipeline/extraction.ts'
import { parseLogfmtKey } from '../pipeline/json-path.ts'
import { createKeyNames, KeyMemory } from '../pipeline/key-memory.ts'
import type { Line } from '../pipeline/line.ts'
import { LogfmtReader } from '../pipeline/logfmt-reader.ts'
import type { LabelNeeds, RunStage } from '../pipeline/stage.ts'
import {
  formatNamedExpressions,
  type NamedExpression,
  parseNamedExpressions,
} from '../tokens/named-expressions.ts'
import type { TokenReader } from '../tokens/token-reader.ts'
import type { StageDefinition } from './definition.ts'

export interface LogfmtStage {
  readonly kind: 'logfmt'
  readonly isStrict: boolean
  readonly keepsEmpty: boolean
  readonly extractions: readonly NamedExpression[]
}

const logfmtParserError = 'LogfmtParserErr'

export const logfmtStage: StageDefinition<LogfmtStage> = {
  kind: 'logfmt',
  begins: ['logfmt'],
  parse: parseLogfmt,
  format({ isStrict, keepsEmpty, extractions }) {
    const flags = `${isStrict ? ' --strict' : ''}${keepsEmpty ? ' --keep-empty' : ''}`
    return `| logfmt${flags}${formatNamedExpressions(extractions)}`
  },
  checkBuilt({ extractions }) {
    for (const { expression } of extractions) parseLogfmtKey(expression)
  },
  compile: compileLogfmt,
  fields: createLogfmtFields,
  parsesLine: true,
  keepsFields: true,
  readsLine: true,
}

function parseLogfmt(reader: TokenReader): LogfmtStage {
  reader.take()
  let isStrict = false
  let keepsEmpty = false
  for (let flag = reader.takeIf('PARSER_FLAG'); flag; flag = reader.takeIf('PARSER_FLAG')) {
    if (flag.text === '--strict') isStrict = true
    else keepsEmpty = true
  }
  return { kind: 'logfmt', isStrict, keepsEmpty, extractions: parseNamedExpressions(reader) }
}

/** Makes the parser; detected fields use it as well. */
export function compileLogfmt(stage: LogfmtStage, needs: LabelNeeds): RunStage {
  const extraction = new Extraction(needs)
  if (extraction.isIdle) return () => true
  if (stage.extractions.length > 0) return compileKeys(stage, extraction)
  const reader = new LogfmtReader()
  const names = createKeyNames(extraction)
  const { isStrict, keepsEmpty } = stage
  return line => {
    extraction.start(line.labels)
    if (extraction.isComplete) return true
    line.locate()
    const { bytes } = line
    reader.start(bytes, line.start, line.end)
    for (let place = 0; !reader.isAtEnd; place++) {
      if (!reader.next()) {
        if (isStrict) break
        continue
      }
      if (!reader.hasValue && !keepsEmpty) continue
      const name = names.at(bytes, reader.keyStart, reader.keyEnd, place)
      const target = name === '' ? undefined : extraction.target(name)
      if (target === undefined) continue
      const value = reader.value()
      if (value === '' && !keepsEmpty) continue
      extraction.set(target, value)
      if (extraction.isComplete) break
    }
    if (isStrict) keepError(line, reader)
    return true
  }
}

function keepError({ labels }: Line, { error }: LogfmtReader): void {
  if (error !== undefined) labels.setParserError(logfmtParserError, error)
}

// Unlike the fields that `logfmt` finds by itself, the last of a repeated key counts.
function compileKeys(stage: LogfmtStage, extraction: Extraction): RunStage {
  // Of two for one label the last counts.
  const byName = new Map(stage.extractions.map(({ name, expression }) => [name, expression]))
  const targets = [...byName].map(([name, expression]) => ({
    name,
    key: parseLogfmtKey(expression),
  }))
  const reader = new LogfmtReader()
  const names = new Set(targets.map(({ name }) => name))
  const wanted = [...names, ...targets.map(({ key }) => key)]
  const of = (key: string) => {
    const name = extraction.nameOf(key)
    return wanted.includes(name) ? name : ''
  }
  const keys = new KeyMemory({ unwanted: '', of }, wanted)
  /** The labels that a key sets; a key that is itself the name of a label sets that. */
  const namesOf = (key: string): readonly string[] => {
    const renamed = targets.filter(target => target.key === key).map(({ name }) => name)
    return renamed.length > 0 ? renamed : [key]
  }
  const namesByKey = new Map(wanted.map(key => [key, namesOf(key)]))
  return line => {
    const { labels } = line
    extraction.start(labels)
    if (extraction.isComplete) return true
    for (const { name } of targets) extraction.addEmpty(name)
    line.locate()
    const { bytes } = line
    reader.start(bytes, line.start, line.end)
    for (let place = 0, goesOn = true; goesOn && !reader.isAtEnd; place++) {
      if (!reader.next()) {
        if (stage.isStrict) break
        continue
      }
      const key = keys.at(bytes, reader.keyStart, reader.keyEnd, place)
      if (key === '' || (!names.has(key) && labels.wasSet(key))) continue
      const text = reader.value()
      const value = text.includes('\ufffd') ? '' : text
      for (const name of namesByKey.get(key)!) goesOn = extraction.addKey(name, value) && goesOn
      if (extraction.isComplete) break
    }
    if (stage.isStrict) keepError(line, reader)
    return true
  }
}
