// `| line_format "{{.template}}"`: replaces the line.

import { TemplateExecError } from '@skald/go-dialect/template/errors'
import { parseLogqlTemplate } from '../pipeline/logql-template.ts'
import type { RunStage } from '../pipeline/stage.ts'
import { createTemplateData } from '../pipeline/template-data.ts'
import type { Stage } from '../syntax-tree/ast.ts'

export const templateFormatError = 'TemplateFormatErr'

export function compileLineFormat({
  template: text,
}: Extract<Stage, { kind: 'lineFormat' }>): RunStage {
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
