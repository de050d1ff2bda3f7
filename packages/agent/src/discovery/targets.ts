// Turns the groups that were found into what is read on this host: relabels each target, and tells
// why the others are left out.

import { type RelabelRule, relabel } from './relabel.ts'
import type { TargetGroup } from './target-group.ts'

/** Files to read and the labels of their lines. */
export interface FileTarget {
  /** Pattern of the paths. */
  readonly path: string
  readonly pathExclude: string | undefined
  readonly labels: ReadonlyMap<string, string>
}

/** Why a target is not read. */
export type TargetFailure = 'dropped' | 'wrong_host' | 'no_path' | 'exists'

/** One target as it was found, and what became of it. */
export interface OfferedTarget {
  readonly discovered: ReadonlyMap<string, string>
  readonly outcome: FileTarget | TargetFailure
}

/** Relabels all targets; of several that are equal afterwards the first is read. */
export function resolveTargets(
  groups: Iterable<TargetGroup>,
  options: { readonly rules: readonly RelabelRule[]; readonly hostname: string },
): OfferedTarget[] {
  const seen = new Set<string>()
  const offered: OfferedTarget[] = []
  for (const { labels, targets } of groups) {
    for (const target of targets) {
      const discovered = new Map([...labels, ...target])
      const outcome = toTarget(discovered, options)
      const isRead = typeof outcome !== 'string'
      if (isRead && seen.has(targetKey(outcome))) offered.push({ discovered, outcome: 'exists' })
      else {
        if (isRead) seen.add(targetKey(outcome))
        offered.push({ discovered, outcome })
      }
    }
  }
  return offered
}

/** Text that is equal for equal targets. */
export function targetKey({ path, pathExclude, labels }: FileTarget): string {
  return JSON.stringify([path, pathExclude, ...[...labels].sort()])
}

function toTarget(
  offered: ReadonlyMap<string, string>,
  options: { readonly rules: readonly RelabelRule[]; readonly hostname: string },
): FileTarget | TargetFailure {
  const labels = relabel(offered, options.rules)
  if (!labels) return 'dropped'
  const host = labels.get('__host__')
  if (host !== undefined && host !== options.hostname) return 'wrong_host'
  const path = labels.get('__path__')
  if (path === undefined) return 'no_path'
  const pathExclude = labels.get('__path_exclude__')
  const visible = new Map([...labels].filter(([name]) => !name.startsWith('__')))
  return { path, pathExclude, labels: visible }
}
