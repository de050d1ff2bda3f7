// `| label_format dst=src, other="{{.template}}"`: renames labels and sets new ones.

import { quoteGoString } from '@skald/go-dialect'
import { TemplateExecError } from '@skald/go-dialect/errors'
import type { Template } from '@skald/go-dialect/template/template'
import { errorDetailsLabel, errorLabel } from '../pipeline/labels.ts'
import type { Line } from '../pipeline/line.ts'
import { parseLogqlTemplate } from '../pipeline/logql-template.ts'
import type { RunStage } from '../pipeline/stage.ts'
import { createTemplateData } from '../pipeline/template-data.ts'
import type { TokenReader } from '../tokens/token-reader.ts'
import type { StageDefinition } from './definition.ts'
import { withPrefix } from './error-prefix.ts'
import { templateFormatError } from './line-format.ts'
import { addTemplateNeeds } from './template-needs.ts'

/** `dst=src` or `dst="template"`. */
export interface LabelFormatItem {
  readonly kind: 'rename' | 'template'
  readonly name: string
  readonly value: string
}

export interface LabelFormatStage {
  readonly kind: 'labelFormat'
  readonly items: readonly LabelFormatItem[]
}

export const labelFormatStage: StageDefinition<LabelFormatStage> = {
  kind: 'labelFormat',
  begins: ['label_format'],
  parse(reader) {
    reader.take()
    return { kind: 'labelFormat', items: reader.list(() => parseItem(reader)) }
  },
  format({ items }) {
    const texts = items.map(({ kind, name, value }) =>
      kind === 'rename' ? `${name}=${value}` : `${name}=${quoteGoString(value)}`,
    )
    return `| label_format ${texts.join(',')}`
  },
  checkBuilt: checkLabelFormat,
  compile: compileLabelFormat,
  addNeeds: (names, { items }) =>
    items.every(({ kind, value }) => {
      if (kind === 'template') return addTemplateNeeds(names, value, 'label')
      names.add(value)
      return true
    }),
  mayMakeEqual: true,
  removesLabels: ({ items }) => items.some(({ kind }) => kind === 'rename'),
}

function parseItem(reader: TokenReader): LabelFormatItem {
  const name = reader.expect('IDENTIFIER').text
  reader.expect('=')
  const source = reader.takeIf('IDENTIFIER')
  if (source) return { kind: 'rename', name, value: source.text }
  if (reader.peek().type !== 'STRING') reader.refuse('IDENTIFIER', 'STRING')
  return { kind: 'template', name, value: reader.take().text }
}

function checkLabelFormat({ items }: LabelFormatStage): void {
  const seen = new Set<string>()
  for (const { name } of items) {
    if (name === '__error__') throw new SyntaxError('__error__ cannot be formatted')
    if (seen.has(name)) {
      throw new SyntaxError(
        `multiple label name '${name}' not allowed in a single format operation`,
      )
    }
    seen.add(name)
  }
  for (const { kind, name, value } of items) {
    if (kind !== 'template') continue
    withPrefix(`invalid template for label '${name}': `, () => parseLogqlTemplate(value, 'label'))
  }
}

function compileLabelFormat({ items }: LabelFormatStage): RunStage {
  const steps = items.map(compileItem)
  // A single template sees the labels that there are, without a copy of them.
  if (items.filter(({ kind }) => kind === 'template').length < 2) {
    return line => {
      for (const step of steps) step(line, () => liveLabels(line))
      return true
    }
  }
  return line => {
    // All templates of the stage see the labels as they are when the first template runs. If there were none
    // yet, the snapshot is taken at the first template that sees any.
    let snapshot: ReadonlyMap<string, string> | undefined
    const seen = () => {
      if (!snapshot || snapshot.size === 0) snapshot = copyLabels(line)
      return snapshot
    }
    for (const step of steps) step(line, seen)
    return true
  }
}

/** The labels that templates see. */
interface SeenLabels extends Iterable<[string, string]> {
  get(name: string): string | undefined
}

type Step = (line: Line, seen: () => SeenLabels) => void

function liveLabels(line: Line): SeenLabels {
  const { labels } = line
  return {
    get: name => {
      if (name === errorLabel && labels.error !== '') return labels.error
      if (name === errorDetailsLabel && labels.errorDetails !== '') return labels.errorDetails
      return labels.get(name)
    },
    [Symbol.iterator]: () => copyLabels(line)[Symbol.iterator](),
  }
}

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
  item: { name: string; template: Template; seen: () => SeenLabels },
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
