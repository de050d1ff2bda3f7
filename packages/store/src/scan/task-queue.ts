// The blocks of a scan as tasks for its threads.

import { scanTaskBytes } from '../limits.ts'
import { storedBytes } from '../segment/format.ts'
import { type BlockGroup, type GroupSpan, spanOfGroup } from './messages.ts'

/** Splits the groups into tasks. The first are small, because a scan for a few lines may end soon. */
export class TaskQueue {
  readonly #groups: readonly BlockGroup[]
  /** Groups that tasks left. */
  readonly #back: BlockGroup[] = []
  #at = 0
  /** Groups up to here were returned by `ahead`, and the bytes of those that no task has yet. */
  #aheadAt = 0
  #aheadBytes = 0
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

  /**
   * Returns groups that later tasks will have, each once, so that they can be fetched. Returns none while half of
   * `bytesMax` bytes as stored are fetched and in no task.
   */
  ahead(bytesMax: number): BlockGroup[] {
    this.#aheadAt = Math.max(this.#aheadAt, this.#at)
    if (this.#aheadBytes > bytesMax / 2) return []
    const groups: BlockGroup[] = []
    while (this.#aheadAt < this.#groups.length && this.#aheadBytes < bytesMax) {
      const group = this.#groups[this.#aheadAt++]!
      groups.push(group)
      this.#aheadBytes += storedBytesOf(group)
    }
    return groups
  }

  next(): BlockGroup[] | undefined {
    if (this.#back.length > 0) return this.#back.splice(0)
    if (this.#at >= this.#groups.length) return undefined
    const task: BlockGroup[] = []
    let bytes = 0
    while (this.#at < this.#groups.length && bytes < this.#taskBytes) {
      const group = this.#groups[this.#at]!
      if (this.#at++ < this.#aheadAt) this.#aheadBytes -= storedBytesOf(group)
      task.push(group)
      bytes += bytesOf(group)
    }
    this.#taskBytes = Math.min(scanTaskBytes, Math.max(this.#taskBytes, bytes) * 2)
    return task
  }
}

function storedBytesOf(group: BlockGroup): number {
  let bytes = 0
  for (const { record } of group) bytes += storedBytes(record)
  return bytes
}

function bytesOf(group: BlockGroup): number {
  let bytes = 0
  for (const { record } of group) bytes += record.lineBytes
  return bytes
}
