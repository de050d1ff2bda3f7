// Templates of `line_format` and `label_format`.

import { logqlFunctions } from '../template/logql-functions.ts'
import { parseTemplate, type Template } from '../template/template.ts'

/**
 * Parses a template of the query language; `name` is what errors show.
 *
 * @throws TemplateSyntaxError
 */
export function parseLogqlTemplate(text: string, name: 'line' | 'label'): Template {
  return parseTemplate(text, {
    name,
    functions: logqlFunctions,
    missingField: 'empty',
    rangeIntegers: true,
  })
}

/** Names of the labels a template may read; `undefined` where it may be any. */
export function templateFieldsOf(
  text: string,
  name: 'line' | 'label',
): ReadonlySet<string> | undefined {
  return parseLogqlTemplate(text, name).needs.fields
}
