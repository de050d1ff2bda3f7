// `| drop a, b="c"`: removes labels.

import { errorDetailsLabel, errorLabel, type LineLabels } from '../pipeline/labels.ts'
import type { RunStage } from '../pipeline/stage.ts'
import { formatLabelPicks, type LabelPick, parseLabelPicks } from '../tokens/label-picks.ts'
import type { StageDefinition } from './definition.ts'
import { checkPicks, compilePicks, matchersOfPicks, visitPickRegexes } from './picked-labels.ts'

export interface DropStage {
  readonly kind: 'drop'
  readonly picks: readonly LabelPick[]
}

export const dropStage: StageDefinition<DropStage> = {
  kind: 'drop',
  begins: ['drop'],
  parse(reader) {
    reader.take()
    return { kind: 'drop', picks: parseLabelPicks(reader) }
  },
  format: ({ picks }) => `| drop ${formatLabelPicks(picks)}`,
  checkParsed: checkPicks,
  regexes: visitPickRegexes,
  matchers: matchersOfPicks,
  compile: compileDrop,
  keepsFields: true,
  mayMakeEqual: true,
  removesLabels: () => true,
  readsOnlyLabels: () => true,
}

function compileDrop(stage: DropStage): RunStage {
  const tests = compilePicks(stage)
  return ({ labels }) => {
    for (const { name, test } of tests) if (test(textOf(labels, name))) drop(labels, name)
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
