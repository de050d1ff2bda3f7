// `| logfmt`, with its flags, and `| logfmt x="key"`.

import type { Stage } from '../syntax/ast.ts'
import { parseLogfmtKey } from '../syntax/json-path.ts'
import { Extraction } from './extraction.ts'
import { LogfmtReader } from './logfmt-text.ts'
import type { LabelNeeds, Line, RunStage } from './stage.ts'

type LogfmtStage = Extract<Stage, { kind: 'logfmt' }>

const logfmtParserError = 'LogfmtParserErr'

export function compileLogfmt(stage: LogfmtStage, needs: LabelNeeds): RunStage {
  const extraction = new Extraction(needs)
  if (extraction.isIdle) return () => true
  if (stage.extractions.length > 0) return compileKeys(stage, extraction)
  const reader = new LogfmtReader()
  const { isStrict, keepsEmpty } = stage
  return line => {
    extraction.start(line.labels)
    reader.start(line.text)
    while (!reader.isAtEnd) {
      if (!reader.next()) {
        if (isStrict) break
        continue
      }
      if (reader.value === '' && !keepsEmpty) continue
      const name = extraction.nameOf(reader.key)
      if (name === '') continue
      extraction.add(name, reader.value)
      if (extraction.isComplete) break
    }
    if (isStrict) keepError(line, reader)
    return true
  }
}

function keepError({ labels }: Line, { error }: LogfmtReader): void {
  if (error !== undefined) labels.setError(logfmtParserError, error)
}

function compileKeys(stage: LogfmtStage, extraction: Extraction): RunStage {
  const targets = stage.extractions.map(({ name, expression }) => ({
    name,
    key: parseLogfmtKey(expression),
  }))
  const reader = new LogfmtReader()
  return line => {
    extraction.start(line.labels)
    for (const { name } of targets) extraction.addNamed(name, '')
    reader.start(line.text)
    while (!reader.isAtEnd) {
      if (!reader.next()) {
        if (stage.isStrict) break
        continue
      }
      const key = extraction.nameOf(reader.key)
      for (const target of targets) {
        if (target.key === key) extraction.addNamed(target.name, reader.value)
      }
    }
    if (stage.isStrict) keepError(line, reader)
    return true
  }
}
