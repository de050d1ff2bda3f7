// The template stage: sets an extracted value with a Go template.

import { readStrictText, type ValueReader } from '@skald/config-reading'
import type { StageDefinition, StageReading } from '../stage.ts'
import { compileStageTemplate, executeStageTemplate } from '../template-data.ts'
import { valueText } from '../values.ts'

/** Makes a reader of templates that reports an invalid template as a mistake of the given kind. */
export function templateReader(
  fail: 'failAtKey' | 'failContained',
  env: StageReading['env'],
): ValueReader<ReturnType<typeof compileStageTemplate>> {
  return cursor => {
    const text = readStrictText(cursor)
    if (text === undefined) return undefined
    try {
      return compileStageTemplate(text, env)
    } catch (error) {
      return cursor[fail](`${cursor.name} is not a template: ${(error as Error).message}`)
    }
  }
}

export const templateStage: StageDefinition = {
  read(body, { env }) {
    const { source, template } = body.record({
      source: readStrictText,
      template: templateReader('failAtKey', env),
    })
    if (!source) return body.failAtKey('The template stage needs a source: the value to set')
    if (!template) {
      return body.has('template')
        ? undefined
        : body.failAtKey('The template stage needs a template')
    }
    return () => ({
      run(entry, next) {
        const { extracted } = entry
        const result = executeStageTemplate(template, entry, valueText(extracted.get(source)))
        if (result === '') extracted.delete(source)
        else if (result !== undefined) extracted.set(source, result)
        next(entry)
      },
    })
  },
}
