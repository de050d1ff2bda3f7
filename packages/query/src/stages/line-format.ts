// `| line_format "{{.template}}"`: replaces the line.

import { quoteGoString } from '@skald/go-dialect'
import { TemplateExecError } from '@skald/go-dialect/errors'
import { parseLogqlTemplate } from '../pipeline/logql-template.ts'
import type { RunStage } from '../pipeline/stage.ts'
import { createTemplateData } from '../pipeline/template-data.ts'
import type { StageDefinition } from './definition.ts'
import { withPrefix } from './error-prefix.ts'
import { addTemplateNeeds } from './template-needs.ts'

export const templateFormatError = 'TemplateFormatErr'

export interface LineFormatStage {
  readonly kind: 'lineFormat'
  readonly template: string
}

export const lineFormatStage: StageDefinition<LineFormatStage> = {
  kind: 'lineFormat',
  begins: ['line_format'],
  parse(reader) {
    reader.take()
    return { kind: 'lineFormat', template: reader.expect('STRING').text }
  },
  format: ({ template }) => `| line_format ${quoteGoString(template)}`,
  checkBuilt({ template }) {
    withPrefix('invalid line template: ', () => parseLogqlTemplate(template, 'line'))
  },
  compile: compileLineFormat,
  addNeeds: (names, { template }) => addTemplateNeeds(names, template, 'line'),
  changesLine: true,
  holdsFilters: true,
}

function compileLineFormat({ template: text }: LineFormatStage): RunStage {
  const template = parseLogqlTemplate(text, 'line')
  return line => {
    try {
      line.text = template.execute(createTemplateData(line))
    } catch (error) {
      if (!(error instanceof TemplateExecError)) throw error
      line.labels.setError(templateFormatError, error.message)
    }
    return true
  }
}
