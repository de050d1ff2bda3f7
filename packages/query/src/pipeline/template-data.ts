// The data that templates of a query see: the labels, text and time of a line.

import type { TemplateData } from '@skald/go-dialect/template/run'
import { errorDetailsLabel, errorLabel } from './labels.ts'
import type { Line } from './line.ts'

/** Returns a line as the data of a template. */
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
