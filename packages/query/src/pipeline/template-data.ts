// What templates of a query see of a line: its labels, its text and its time.

import { logqlFunctions } from '../template/logql-functions.ts'
import type { TemplateData } from '../template/run.ts'
import { parseTemplate, type Template } from '../template/template.ts'
import { errorDetailsLabel, errorLabel } from './labels.ts'
import type { Line } from './stage.ts'

/** Parses a template of the query language; `name` is what errors show. */
export function parseLogqlTemplate(text: string, name: 'line' | 'label'): Template {
  return parseTemplate(text, { name, functions: logqlFunctions, missingField: 'empty' })
}

/** Shows a line to a template. */
export function createTemplateData(line: Line): TemplateData {
  const { labels } = line
  const get = (name: string) => {
    if (name === errorLabel) return labels.error || undefined
    if (name === errorDetailsLabel) return labels.errorDetails || undefined
    return labels.get(name)
  }
  return {
    get,
    entries: () => {
      const all: [string, string][] = []
      labels.visit((name, value) => all.push([name, value]))
      for (const name of [errorLabel, errorDetailsLabel]) {
        const value = get(name)
        if (value !== undefined) all.push([name, value])
      }
      return all
    },
    line: () => line.text,
    timestampNs: line.timestampNs,
  }
}

/** Names of the labels a template may read; `undefined` where it may be any. */
export function templateFieldsOf(
  text: string,
  name: 'line' | 'label',
): ReadonlySet<string> | undefined {
  return parseLogqlTemplate(text, name).needs.fields
}
