// The blocks of a scan as tasks for its threads.

import { scanTaskBytes } from '../limits.ts'
import { type BlockGroup, type GroupSpan, spanOfGroup } from './messages.ts'

/** Splits the groups into tasks. The first are small, because a scan for a few lines may end soon. */
export class TaskQueue {
  readonly #groups: readonly BlockGroup[]
  /** Groups that tasks left. */
  readonly #back: BlockGroup[] = []
  #at = 0
  #taskBytes = 1
  /** Number of threads worth using. */
  readonly tasksLeast: number

  constructor(groups: readonly BlockGroup[]) {
    this.#groups = groups
    let bytes = 0
    for (const group of groups) bytes += bytesOf(group)
    this.tasksLeast = Math.ceil(bytes / scanTaskBytes)
  }

  /** First and last time of the group that comes next. */
  get nextSpan(): GroupSpan | undefined {
    const group = this.#back[0] ?? this.#groups[this.#at]
    return group && spanOfGroup(group)
  }

  /** Takes back groups of a task that were not scanned. */
  giveBack(groups: readonly BlockGroup[]): void {
    this.#back.push(...groups)
  }

  next(): BlockGroup[] | undefined {
    if (this.#back.length > 0) return this.#back.splice(0)
    if (this.#at >= this.#groups.length) return undefined
    const task: BlockGroup[] = []
    let bytes = 0
    while (this.#at < this.#groups.length && bytes < this.#taskBytes) {
      const group = this.#groups[this.#at++]!
      task.push(group)
      bytes += bytesOf(group)
    }
    this.#taskBytes = Math.min(scanTaskBytes, Math.max(this.#taskBytes, bytes) * 2)
    return task
  }
}

function bytesOf(group: BlockGroup): number {
  let bytes = 0
  for (const { record } of group) bytes += record.lineBytes
  return bytes
}
