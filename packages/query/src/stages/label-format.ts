// `| label_format dst=src, other="{{.template}}"`: renames labels and sets new ones.

import { TemplateExecError } from '@skald/go-dialect/template/errors'
import type { Template } from '@skald/go-dialect/template/template'
import { errorDetailsLabel, errorLabel } from '../pipeline/labels.ts'
import type { Line } from '../pipeline/line.ts'
import { parseLogqlTemplate } from '../pipeline/logql-template.ts'
import type { RunStage } from '../pipeline/stage.ts'
import { createTemplateData } from '../pipeline/template-data.ts'
import type { LabelFormatItem, Stage } from '../syntax-tree/ast.ts'
import { templateFormatError } from './line-format.ts'

export function compileLabelFormat({ items }: Extract<Stage, { kind: 'labelFormat' }>): RunStage {
  const steps = items.map(compileItem)
  return line => {
    // All templates of the stage see the labels as they are when the first of them runs, or the first behind which
    // there are any.
    let snapshot: ReadonlyMap<string, string> | undefined
    const seen = () => {
      if (!snapshot || snapshot.size === 0) snapshot = copyLabels(line)
      return snapshot
    }
    for (const step of steps) step(line, seen)
    return true
  }
}

type Step = (line: Line, seen: () => ReadonlyMap<string, string>) => void

function compileItem({ kind, name, value }: LabelFormatItem): Step {
  if (kind === 'rename') return ({ labels }) => rename(labels, name, value)
  const template = parseLogqlTemplate(value, 'label')
  return (line, seen) => setByTemplate(line, { name, template, seen })
}

function rename(labels: Line['labels'], name: string, source: string): void {
  const value = labels.get(source)
  if (value === undefined) return
  labels.set(name, value)
  labels.delete(source)
}

function setByTemplate(
  line: Line,
  item: { name: string; template: Template; seen: () => ReadonlyMap<string, string> },
): void {
  const { labels } = line
  const known = item.seen()
  try {
    const data = {
      ...createTemplateData(line),
      get: (name: string) => known.get(name),
      entries: () => known,
    }
    labels.set(item.name, item.template.execute(data))
  } catch (error) {
    if (!(error instanceof TemplateExecError)) throw error
    labels.setError(templateFormatError, error.message)
  }
}

function copyLabels({ labels }: Line): ReadonlyMap<string, string> {
  const copy = new Map<string, string>()
  labels.visit((name, value) => copy.set(name, value))
  if (labels.error !== '') copy.set(errorLabel, labels.error)
  if (labels.errorDetails !== '') copy.set(errorDetailsLabel, labels.errorDetails)
  return copy
}
