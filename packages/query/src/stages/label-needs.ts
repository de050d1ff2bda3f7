// The labels that stages look at to decide about a line.

import type { LabelNeeds } from '../pipeline/stage.ts'
import { definitionOf, type Stage } from './stage-table.ts'

/**
 * Finds the labels that stages need to decide about a line; `undefined` where they may look at any.
 * Errors come out the same as with all labels.
 */
export function probeNeeds(stages: readonly Stage[]): LabelNeeds | undefined {
  const names = namesOf(stages, [])
  return names && { names, stopsEarly: false }
}

/**
 * Returns the labels that stages look at, and those of `groups`; `undefined` where a template may look at
 * any label.
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
