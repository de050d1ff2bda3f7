// The labels that stages use to keep or drop a line.

import type { LabelNeeds } from '../pipeline/stage.ts'
import { definitionOf, type Stage } from './stage-table.ts'

/**
 * Returns the labels that stages need to keep or drop a line, or `undefined` if they may use any. Errors are
 * the same as with all labels.
 */
export function probeNeeds(stages: readonly Stage[]): LabelNeeds | undefined {
  const names = namesOf(stages, [])
  return names && { names, stopsEarly: false }
}

/**
 * Returns the labels that stages use, plus those in `groups`. Returns `undefined` if a template may read any
 * label.
 */
export function namesOf(
  stages: readonly Stage[],
  groups: readonly string[],
): Set<string> | undefined {
  const names = new Set(groups)
  return stages.every(stage => definitionOf(stage).addNeeds?.(names, stage) ?? true)
    ? names
    : undefined
}
