// `| drop a, b="c"` and `| keep a, b="c"`.

import { compileMatcher } from '@skald/wire/compile-matcher'
import {
  errorDetailsLabel,
  errorLabel,
  type LineLabels,
  preserveErrorLabel,
} from '../pipeline/labels.ts'
import type { RunStage } from '../pipeline/stage.ts'
import type { Stage } from '../syntax-tree/ast.ts'

/** What `keep` leaves alone: errors, also those that are fields of the line. */
const keptAlways: ReadonlySet<string> = new Set([errorLabel, errorDetailsLabel, preserveErrorLabel])

type DropKeepStage = Extract<Stage, { kind: 'drop' | 'keep' }>

export function compileDropKeep({ kind, picks }: DropKeepStage): RunStage {
  const tests = picks.map(({ name, matcher }) => ({
    name,
    test: matcher ? compileMatcher(matcher) : () => true,
  }))
  if (kind === 'drop') {
    return ({ labels }) => {
      for (const { name, test } of tests) if (test(textOf(labels, name))) drop(labels, name)
      return true
    }
  }
  const byName = Map.groupBy(tests, ({ name }) => name)
  return ({ labels }) => {
    const dropped: string[] = []
    labels.visit((name, value) => {
      if (keptAlways.has(name)) return
      const isKept = byName.get(name)?.some(({ test }) => test(value)) ?? false
      if (!isKept) dropped.push(name)
    })
    for (const name of dropped) labels.delete(name)
    return true
  }
}

function textOf(labels: LineLabels, name: string): string {
  if (name === errorLabel) return labels.error
  if (name === errorDetailsLabel) return labels.errorDetails
  return labels.get(name) ?? ''
}

function drop(labels: LineLabels, name: string): void {
  if (name === errorLabel) labels.error = ''
  else if (name === errorDetailsLabel) labels.errorDetails = ''
  else labels.delete(name)
}
