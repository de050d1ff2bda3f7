// What discovery hands to the tailers: the files of a target with the labels of their lines, and the feed
// through which these change. Neither side knows more of the other.

import type { IncomingMessage } from 'node:http'
import { type RelabelRule, relabel } from './relabel.ts'

/** The targets of one job, as discovery has them at the moment. */
export interface TargetFeed {
  /** The files to read on this host. */
  readonly targets: readonly FileTarget[]
  /** Whether everything that looks for targets has had an answer. */
  readonly isComplete: boolean
  /** Calls back after each change; returns what ends that. */
  subscribe(listener: () => void): () => void
}

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

/** Where the log of a Docker container is. */
export interface ContainerLog {
  readonly id: string
  /** Docker's own file, where it can be seen from here. */
  readonly path: string | undefined
  /** Its output is a terminal's: one stream. */
  readonly isTty: boolean
  /** Asks Docker for the log from a time on (seconds, with a fraction), and for what follows. */
  readonly follow: (
    since: string,
    options: { readonly signal: AbortSignal; readonly idleMs: number },
  ) => Promise<IncomingMessage>
}

/** Whether a target is read through Docker's API and not from a file. */
export function isStream({ container }: FileTarget): boolean {
  return container !== undefined && container.log.path === undefined
}

/** Text that is equal for equal targets. */
export function targetKey({ path, pathExclude, labels, perFile, container }: FileTarget): string {
  const sorted = (of: ReadonlyMap<string, string> | undefined) => of && [...of].sort()
  const streams = container && [sorted(container.stdout), sorted(container.stderr)]
  return JSON.stringify([path, pathExclude, sorted(labels), streams, sorted(perFile?.labels)])
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

/** Leaves out the labels that only rules see: those that begin with `__`. */
export function visibleLabels(labels: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...labels].filter(([name]) => !name.startsWith('__')))
}

/** What is to be done so that the targets of before become those of now. */
export function compareTargets(
  before: readonly FileTarget[],
  now: readonly FileTarget[],
): {
  readonly added: readonly FileTarget[]
  readonly removed: readonly FileTarget[]
  /** The same files with other labels. */
  readonly relabelled: readonly { readonly from: FileTarget; readonly to: FileTarget }[]
} {
  const nowKeys = new Set(now.map(targetKey))
  const beforeKeys = new Set(before.map(targetKey))
  const removed = before.filter(target => !nowKeys.has(targetKey(target)))
  const relabelled: { from: FileTarget; to: FileTarget }[] = []
  const added: FileTarget[] = []
  for (const to of now.filter(target => !beforeKeys.has(targetKey(target)))) {
    const at = removed.findIndex(
      ({ path, pathExclude }) => path === to.path && pathExclude === to.pathExclude,
    )
    if (at < 0) added.push(to)
    else relabelled.push({ from: removed.splice(at, 1)[0]!, to })
  }
  return { added, removed, relabelled }
}
