// The template stage: makes an extracted value by a Go template.

import { readStrictText } from '../../config/readers.ts'
import type { ValueReader } from '../../config/yaml-cursor.ts'
import type { StageDefinition } from '../stage.ts'
import { compileStageTemplate, executeStageTemplate } from '../template-data.ts'
import { valueText } from '../values.ts'

/** Reads a template. */
export const readTemplate: ValueReader<ReturnType<typeof compileStageTemplate>> = cursor => {
  const text = readStrictText(cursor)
  if (text === undefined) return undefined
  try {
    return compileStageTemplate(text)
  } catch (error) {
    return cursor.failAtKey(`${cursor.name} is not a template: ${(error as Error).message}`)
  }
}

export const templateStage: StageDefinition = {
  read(body) {
    const { source, template } = body.record({ source: readStrictText, template: readTemplate })
    if (!source) return body.failAtKey('The template stage needs a source: the value to make')
    if (!template) {
      const isWrong = body.get('template')?.isNull === false
      return isWrong ? undefined : body.failAtKey('The template stage needs a template')
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
