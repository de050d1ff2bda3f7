// labels, static_labels, labeldrop, labelallow: set or remove the labels of a line's stream.

import { invalidLabelName, readList, readStrictText, type YamlCursor } from '@skald/config-reading'
import { isLabelName } from '@skald/wire'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'

/** Reads a map from names to extracted values. An empty value means the name itself. */
export function readSourceMap(
  body: YamlCursor,
  options: { readonly whatFor: string; readonly labelNames: boolean },
): Map<string, string> | undefined {
  const sources = new Map<string, string>()
  for (const { key, value } of body.pairs()) {
    if (options.labelNames && !isLabelName(key)) value.failAtKey(invalidLabelName(key))
    const source = value.isNull ? key : readStrictText(value)
    sources.set(key, source === '' || source === undefined ? key : source)
  }
  if (sources.size > 0) return sources
  return body.isMap || body.isNull
    ? body.failContained(`${options.whatFor} needs at least one name: value pair`)
    : undefined
}

/** Sets labels from extracted values. */
export const labelsStage: StageDefinition = {
  read(body) {
    const sources = readSourceMap(body, { whatFor: 'The labels stage', labelNames: true })
    if (!sources) return undefined
    return () => ({
      run(entry, next) {
        const { extracted } = entry
        for (const [name, source] of sources) {
          const text = valueText(extracted.get(source))
          if (text?.isWellFormed()) entry.labels = entry.labels.with(name, text)
        }
        next(entry)
      },
    })
  },
}

/** Sets labels to fixed values. */
export const staticLabelsStage: StageDefinition = {
  read(body) {
    const labels = new Map<string, string>()
    for (const { key, value } of body.pairs()) {
      if (!isLabelName(key)) value.failAtKey(invalidLabelName(key))
      const text = value.isNull ? '' : readStrictText(value)
      if (text) labels.set(key, text)
    }
    if (body.isNull || (body.isMap && body.pairs().length === 0)) {
      return body.failContained('The static_labels stage needs at least one name: value pair')
    }
    return () => ({
      run(entry, next) {
        for (const [name, value] of labels) entry.labels = entry.labels.with(name, value)
        next(entry)
      },
    })
  },
}

function readNames(body: YamlCursor, stage: string): string[] | undefined {
  const names = readList(readStrictText)(body) ?? []
  if (names.length > 0) return names
  return body.isList || body.isNull
    ? body.failAtKey(`The ${stage} stage needs a list of at least one label name`)
    : undefined
}

/** Removes labels. */
export const labelDropStage: StageDefinition = {
  read(body) {
    const names = readNames(body, 'labeldrop')
    if (!names) return undefined
    return () => ({
      run(entry, next) {
        for (const name of names) entry.labels = entry.labels.without(name)
        next(entry)
      },
    })
  },
}

/** Removes all labels except the named ones. */
export const labelAllowStage: StageDefinition = {
  read(body) {
    const names = readNames(body, 'labelallow')
    if (!names) return undefined
    const allowed = new Set(names)
    return () => ({
      run(entry, next) {
        for (const [name] of entry.labels.entries()) {
          if (!allowed.has(name)) entry.labels = entry.labels.without(name)
        }
        next(entry)
      },
    })
  },
}
