// What templates of a query see of a line: its labels, its text and its time.

import type { TemplateData } from '@skald/go-dialect/template/run'
import { errorDetailsLabel, errorLabel } from './labels.ts'
import type { Line } from './line.ts'

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
    nowNs: line.nowNs,
  }
}
