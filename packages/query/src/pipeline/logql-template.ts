// Templates of `line_format` and `label_format`.

import { logqlFunctions } from '@skald/go-dialect/template/logql-functions'
import { parseTemplate, type Template } from '@skald/go-dialect/template/template'

/**
 * Parses a LogQL template. `name` appears in errors.
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

/** Returns the names of the labels a template may read, or `undefined` if it may read any. */
export function templateFieldsOf(
  text: string,
  name: 'line' | 'label',
): ReadonlySet<string> | undefined {
  return parseLogqlTemplate(text, name).needs.fields
}
