// The drop stage: drops lines that meet all given conditions.

import {
  readBytes,
  readDurationMs,
  readList,
  readStrictText,
  readWeakText,
  type ValueReader,
} from '@skald/config-reading'
import type { CompiledRegex } from '@skald/go-dialect/regex/regex'
import type { PipelineEntry } from '../entry.ts'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'
import { readExpression } from './regex.ts'

type Condition = (entry: PipelineEntry, nowMs: number) => boolean

const readSources: ValueReader<string[]> = cursor => {
  if (cursor.isList) return readList(readStrictText)(cursor)
  const source = readStrictText(cursor)
  return source === undefined ? undefined : [source]
}

export const dropStage: StageDefinition = {
  read(body) {
    const raw = body.record({
      source: readSources,
      separator: readWeakText,
      value: readWeakText,
      expression: readExpression,
      older_than: readDurationMs,
      longer_than: readBytes,
      drop_counter_reason: readWeakText,
    })
    const isGiven = (key: string) => body.has(key)
    const { source, value, expression } = raw
    if (isGiven('value') && isGiven('expression')) {
      return body.failAtKey('value and expression of the drop stage exclude each other: keep one')
    }
    if (isGiven('value') && !isGiven('source')) {
      return body.failAtKey('value of the drop stage needs a source to compare it with')
    }
    const keys = ['source', 'value', 'expression', 'older_than', 'longer_than']
    if (!keys.some(isGiven)) {
      return body.failAtKey(`The drop stage needs one of ${keys.join(', ')}`)
    }
    const conditions: Condition[] = []
    if (source || expression) {
      conditions.push(contentCondition({ source, value, expression, separator: raw.separator }))
    }
    const { older_than: olderMs, longer_than: longerBytes } = raw
    if (olderMs !== undefined) {
      conditions.push((entry, nowMs) => Number(entry.timestampNs / 1_000_000n) <= nowMs - olderMs)
    }
    if (longerBytes !== undefined) {
      conditions.push(entry => entry.lineBytes.length > longerBytes)
    }
    const reason = raw.drop_counter_reason || 'drop_stage'
    return context => ({
      run(entry, next) {
        const nowMs = context.wallMs()
        if (conditions.every(holds => holds(entry, nowMs))) context.countDropped(reason)
        else next(entry)
      },
    })
  },
}

function contentCondition(of: {
  readonly source: string[] | undefined
  readonly value: string | undefined
  readonly expression: CompiledRegex | undefined
  readonly separator: string | undefined
}): Condition {
  const { source, value, expression, separator = ';' } = of
  if (!source) return entry => expression!.test(entry.line)
  if (value === undefined && !expression) {
    return entry => source.every(name => entry.extracted.has(name))
  }
  return entry => {
    const texts: string[] = []
    for (const name of source) {
      const extracted = entry.extracted.get(name)
      if (extracted === undefined) continue
      const text = valueText(extracted)
      // Only strings are compared. If all values are missing, the empty string is.
      if (text === undefined) return false
      texts.push(text)
    }
    const text = texts.join(separator)
    return expression ? expression.test(text) : text === value
  }
}
