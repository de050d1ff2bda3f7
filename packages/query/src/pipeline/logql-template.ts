// Templates of `line_format` and `label_format`.

import { logqlFunctions } from '@skald/go-dialect/template/logql-functions'
import { parseTemplate, type Template } from '@skald/go-dialect/template/template'

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
