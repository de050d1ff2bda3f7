// Turns the groups that were found into what is read on this host: relabels each target, and tells
// why the others are left out.

import { partByFilename, type RelabelRule, relabel } from './relabel.ts'
import { type ContainerLog, metaLabel, type TargetGroup } from './target-group.ts'

/** Files to read and the labels of their lines. */
export interface FileTarget {
  /** Pattern of the paths. */
  readonly path: string
  readonly pathExclude: string | undefined
  readonly labels: ReadonlyMap<string, string>
  /** Set where rules go by the names of files: all labels that these begin with. */
  readonly perFile?: PerFile
  /** Set where the path is that of a container's log, which has two streams. */
  readonly container?: ContainerTarget
}

/** Rules that are applied to each file of a target, and the labels before them, those with `__` among them. */
export interface PerFile {
  readonly rules: readonly RelabelRule[]
  readonly labels: ReadonlyMap<string, string>
}

/** A container's log with the labels of its streams; a stream that is dropped has none. */
export interface ContainerTarget {
  readonly log: ContainerLog
  readonly stdout: ReadonlyMap<string, string> | undefined
  readonly stderr: ReadonlyMap<string, string> | undefined
}

/** Why a target is not read. */
export type TargetFailure = 'dropped' | 'wrong_host' | 'no_path' | 'exists'

/** One target as it was found, and what became of it. */
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

/** Leaves out what is the same as a target before it. */
export function withoutRepeats(offered: readonly OfferedTarget[]): OfferedTarget[] {
  const seen = new Set<string>()
  return offered.map(target => {
    const { discovered, outcome } = target
    if (typeof outcome === 'string') return target
    // A container has a target for each of its ports, and one log.
    const key = outcome.container ? outcome.path : targetKey(outcome)
    if (seen.has(key)) return { discovered, outcome: 'exists' }
    seen.add(key)
    return target
  })
}

/** Text that is equal for equal targets. */
export function targetKey({ path, pathExclude, labels, perFile, container }: FileTarget): string {
  const sorted = (of: ReadonlyMap<string, string> | undefined) => of && [...of].sort()
  const streams = container && [sorted(container.stdout), sorted(container.stderr)]
  return JSON.stringify([path, pathExclude, sorted(labels), streams, sorted(perFile?.labels)])
}

/** What decides which targets are read. */
export interface ResolveOptions {
  readonly rules: readonly RelabelRule[]
  readonly hostname: string
}

/** Relabels both streams; no `__path__` is asked for. */
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

function visibleLabels(labels: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...labels].filter(([name]) => !name.startsWith('__')))
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

/** Labels of one file of a target; undefined where a rule that looks at its name drops it. */
export function labelsOfFile(
  { labels, perFile }: FileTarget,
  filename: string,
): ReadonlyMap<string, string> | undefined {
  if (!perFile) return new Map([...labels, ['filename', filename]])
  // A label of that name which the target has is what rules see, as in Promtail; the file's name comes after them.
  if (perFile.labels.has('filename')) {
    const ofTarget = relabel(perFile.labels, perFile.rules)
    return ofTarget && new Map([...visibleLabels(ofTarget), ['filename', filename]])
  }
  const ofFile = relabel(new Map([...perFile.labels, ['filename', filename]]), perFile.rules)
  return ofFile && visibleLabels(ofFile)
}
