// `| keep a, b="c"`: removes all other labels.

import { errorDetailsLabel, errorLabel, preserveErrorLabel } from '../pipeline/labels.ts'
import type { RunStage } from '../pipeline/stage.ts'
import { formatLabelPicks, type LabelPick, parseLabelPicks } from '../tokens/label-picks.ts'
import type { StageDefinition } from './definition.ts'
import { checkPicks, compilePicks, matchersOfPicks, visitPickRegexes } from './picked-labels.ts'

/** Labels that are always kept: errors, even if they are fields of the line. */
const keptAlways: ReadonlySet<string> = new Set([errorLabel, errorDetailsLabel, preserveErrorLabel])

export interface KeepStage {
  readonly kind: 'keep'
  readonly picks: readonly LabelPick[]
}

export const keepStage: StageDefinition<KeepStage> = {
  kind: 'keep',
  begins: ['keep'],
  parse(reader) {
    reader.take()
    return { kind: 'keep', picks: parseLabelPicks(reader) }
  },
  format: ({ picks }) => `| keep ${formatLabelPicks(picks)}`,
  checkParsed: checkPicks,
  regexes: visitPickRegexes,
  matchers: matchersOfPicks,
  compile: compileKeep,
  keepsFields: true,
  mayMakeEqual: true,
  removesLabels: () => true,
  readsOnlyLabels: () => true,
}

function compileKeep(stage: KeepStage): RunStage {
  const tests = compilePicks(stage)
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
