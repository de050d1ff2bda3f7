// Turns discovered groups into targets to read on this host: relabels each target and records why the
// others are left out.

import { partByFilename, type RelabelRule, relabel } from '@skald/config-reading/relabel'
import {
  type ContainerLog,
  type FileTarget,
  targetKey,
  visibleLabels,
} from '../targets/file-target.ts'
import { metaLabel } from './meta-label.ts'
import type { TargetGroup } from './target-group.ts'

/** Why a target is not read. */
export type TargetFailure = 'dropped' | 'wrong_host' | 'no_path' | 'exists'

/** A target as found, and its outcome. */
export interface OfferedTarget {
  readonly discovered: ReadonlyMap<string, string>
  readonly outcome: FileTarget | TargetFailure
}

/** Relabels the targets of a group. */
export function offerTargets(
  { labels, targets, container }: TargetGroup,
  options: ResolveOptions,
): OfferedTarget[] {
  return targets.map(target => {
    const discovered = new Map([...labels, ...target])
    const outcome = container
      ? toContainerTarget(discovered, container, options)
      : toTarget(discovered, options)
    return { discovered, outcome }
  })
}

/** Drops targets that equal an earlier one. */
export function withoutRepeats(offered: readonly OfferedTarget[]): OfferedTarget[] {
  const seen = new Set<string>()
  return offered.map(target => {
    const { discovered, outcome } = target
    if (typeof outcome === 'string') return target
    // A container has a target for each port, but only one log.
    const key = outcome.container ? outcome.path : targetKey(outcome)
    if (seen.has(key)) return { discovered, outcome: 'exists' }
    seen.add(key)
    return target
  })
}

/** Settings that decide which targets are read. */
export interface ResolveOptions {
  readonly rules: readonly RelabelRule[]
  readonly hostname: string
}

/** Relabels the targets of both streams. They need no `__path__`. */
function toContainerTarget(
  offered: ReadonlyMap<string, string>,
  log: ContainerLog,
  options: ResolveOptions,
): FileTarget | TargetFailure {
  const path = log.path ?? `docker://${log.id}`
  const labelsOf = (stream: string): ReadonlyMap<string, string> | TargetFailure => {
    const ofStream = new Map([...offered, [metaLabel('docker_container_log_stream'), stream]])
    const labels = relabel(ofStream, options.rules)
    const host = labels?.get('__host__')
    if (host !== undefined && host !== options.hostname) return 'wrong_host'
    return labels ? visibleLabels(labels) : 'dropped'
  }
  const [stdout, stderr] = [labelsOf('stdout'), labelsOf('stderr')]
  if (typeof stdout === 'string' && typeof stderr === 'string') return stdout
  const streams = {
    stdout: typeof stdout === 'string' ? undefined : stdout,
    stderr: typeof stderr === 'string' ? undefined : stderr,
  }
  const labels = streams.stdout ?? streams.stderr!
  return { path, pathExclude: undefined, labels, container: { log, ...streams } }
}

function toTarget(
  offered: ReadonlyMap<string, string>,
  options: ResolveOptions,
): FileTarget | TargetFailure {
  const { ofTarget, ofFile } = partByFilename(options.rules)
  const labels = relabel(offered, ofTarget)
  if (!labels) return 'dropped'
  const host = labels.get('__host__')
  if (host !== undefined && host !== options.hostname) return 'wrong_host'
  const path = labels.get('__path__')
  if (path === undefined) return 'no_path'
  const pathExclude = labels.get('__path_exclude__')
  const perFile = ofFile.length > 0 ? { perFile: { rules: ofFile, labels } } : {}
  return { path, pathExclude, labels: visibleLabels(labels), ...perFile }
}
