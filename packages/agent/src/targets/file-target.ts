// What discovery passes to the tailers: the files of a target with the labels of their lines, and the feed
// that reports changes. Neither side knows more about the other.

import type { IncomingMessage } from 'node:http'
import { type RelabelRule, relabel } from '@skald/config-reading/relabel'

/** The current targets of one job. */
export interface TargetFeed {
  /** The files to read on this host. */
  readonly targets: readonly FileTarget[]
  /** True if every discoverer has answered. */
  readonly isComplete: boolean
  /** Calls `listener` after each change. Returns a function that unsubscribes it. */
  subscribe(listener: () => void): () => void
}

/** Files to read and the labels of their lines. */
export interface FileTarget {
  /** Pattern of the paths. */
  readonly path: string
  readonly pathExclude: string | undefined
  readonly labels: ReadonlyMap<string, string>
  /** Set if rules use file names: all labels those rules start from. */
  readonly perFile?: PerFile
  /** Set if the path is a container's log, which has two streams. */
  readonly container?: ContainerTarget
}

/**
 * Rules to apply to each file of a target, and the labels before them, including those that start with
 * `__`.
 */
export interface PerFile {
  readonly rules: readonly RelabelRule[]
  readonly labels: ReadonlyMap<string, string>
}

/** A container's log with the labels of its streams. A dropped stream has none. */
export interface ContainerTarget {
  readonly log: ContainerLog
  readonly stdout: ReadonlyMap<string, string> | undefined
  readonly stderr: ReadonlyMap<string, string> | undefined
}

/** Where the log of a Docker container is. */
export interface ContainerLog {
  readonly id: string
  /** Docker's own file, if it is accessible here. */
  readonly path: string | undefined
  /** True if its output is a terminal's: a single stream. */
  readonly isTty: boolean
  /** Requests the log from a time on (in seconds, with a fraction), and follows it. */
  readonly follow: (
    since: string,
    options: { readonly signal: AbortSignal; readonly idleMs: number },
  ) => Promise<IncomingMessage>
}

/** Returns true if a target is read through Docker's API instead of a file. */
export function isStream({ container }: FileTarget): boolean {
  return container !== undefined && container.log.path === undefined
}

/** Returns a string that is equal for equal targets. */
export function targetKey({ path, pathExclude, labels, perFile, container }: FileTarget): string {
  const sorted = (of: ReadonlyMap<string, string> | undefined) => of && [...of].sort()
  const streams = container && [sorted(container.stdout), sorted(container.stderr)]
  return JSON.stringify([path, pathExclude, sorted(labels), streams, sorted(perFile?.labels)])
}

/** Returns the labels of one file of a target, or undefined if a rule on its name drops it. */
export function labelsOfFile(
  { labels, perFile }: FileTarget,
  filename: string,
): ReadonlyMap<string, string> | undefined {
  if (!perFile) return new Map([...labels, ['filename', filename]])
  // If the target has a label of that name, rules see it, like in Promtail. The file's name is set after
  // them.
  if (perFile.labels.has('filename')) {
    const ofTarget = relabel(perFile.labels, perFile.rules)
    return ofTarget && new Map([...visibleLabels(ofTarget), ['filename', filename]])
  }
  const ofFile = relabel(new Map([...perFile.labels, ['filename', filename]]), perFile.rules)
  return ofFile && visibleLabels(ofFile)
}

/** Drops the labels that only rules see: those that start with `__`. */
export function visibleLabels(labels: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...labels].filter(([name]) => !name.startsWith('__')))
}

/** Returns the changes from the previous targets to the current ones. */
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
