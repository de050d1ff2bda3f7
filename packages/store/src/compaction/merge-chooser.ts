// Finds the next merge: level 0 if it is due, then what deletes or retention rewrite, then runs of small segments.
// Several replicas choose at a time, so it leaves out what others are merging, and never reaches over it: only
// neighbours in sequence may be merged, or lines with equal times would lose their order.

import type { Catalog, SegmentPartInfo } from '../catalog/catalog.ts'
import {
  type Choice,
  chooseLevel0,
  chooseLift,
  chooseRun,
  isLevel0Due,
  neighboursOf,
  summaryOf,
} from './choose.ts'
import type { SweepStep } from './delete-sweep.ts'
import type { MergePace } from './merge-pace.ts'
import type { Retention } from './retention.ts'
import type { SpaceRetention } from './space-retention.ts'

export interface MergeChooserOptions {
  readonly catalog: Catalog
  readonly clock: { now(): number }
  /** Whether other processes merge segments of the same catalog. */
  readonly isShared: boolean
  readonly pace: MergePace
  /** Returns the bytes that a merge of level 0 may write. */
  readonly level0Room: () => Promise<number>
  readonly retention?: Pick<Retention, 'next'> | undefined
  readonly space?: Pick<SpaceRetention, 'level0DueBytes'> | undefined
}

/** What to look for. */
export interface Wanted {
  /** Merge level 0 however small it is. */
  readonly isForced: boolean
  /** Whether rewrites for retention, deletes and old formats are this process's work. */
  readonly hasUpkeep: boolean
  /** What deletes need next. */
  readonly swept: SweepStep | undefined
}

/** Chooses merges. */
export class MergeChooser {
  readonly #options: MergeChooserOptions
  /** Segments of an older format that cannot be rewritten, because they are damaged. */
  readonly #unliftable = new Set<string>()
  #mayFindRuns = true

  constructor(options: MergeChooserOptions) {
    this.#options = options
  }

  /** Notes that there may be new runs: a merge has ended, or another process had the work. */
  noteMerges(): void {
    this.#mayFindRuns = true
  }

  /** Notes that a segment of an old format cannot be rewritten. */
  giveUpLift({ inputs }: Choice): void {
    for (const name of inputs) this.#unliftable.add(name)
  }

  /** Returns the next merge, or `undefined` if nothing is due. */
  async next({ isForced, hasUpkeep, swept }: Wanted): Promise<Choice | undefined> {
    const { catalog, clock, pace, retention, space } = this.#options
    const nowMs = clock.now()
    const isLevel0Wanted = isForced || swept === 'level0'
    const dueBytes = isLevel0Wanted ? undefined : await space?.level0DueBytes()
    const mayBeDue = isLevel0Wanted || isLevel0Due(await catalog.level0(), nowMs, dueBytes)
    // What has been merged by now is in the copy still. A job of it is refused.
    const taken = mayBeDue || this.#mayFindRuns ? await catalog.listTaken() : new Set<string>()
    const isDue = (run: readonly SegmentPartInfo[]) =>
      isLevel0Wanted || isLevel0Due(summaryOf(run), nowMs, dueBytes)
    const choice =
      (mayBeDue ? await this.#chooseLevel0(taken, isDue) : undefined) ??
      (swept === 'level0' ? undefined : swept) ??
      (hasUpkeep ? await retention?.next() : undefined) ??
      (this.#mayFindRuns ? await this.#chooseCompacted(taken, hasUpkeep) : undefined)
    // Only merges create new runs, and only a larger bound lets others qualify.
    this.#mayFindRuns = choice !== undefined || pace.grow()
    return choice
  }

  async #chooseLevel0(
    taken: ReadonlySet<string>,
    isDue: (run: readonly SegmentPartInfo[]) => boolean,
  ): Promise<Choice | undefined> {
    const { pace, level0Room } = this.#options
    const { bounds } = pace
    const level0Bytes = Math.min(await level0Room(), bounds.level0Bytes)
    const { parts, others } = await this.#list('level0')
    const run = neighboursOf(parts, { others, taken }).find(isDue)
    return run && chooseLevel0(run, { ...bounds, level0Bytes })
  }

  async #chooseCompacted(
    taken: ReadonlySet<string>,
    hasUpkeep: boolean,
  ): Promise<Choice | undefined> {
    const { bounds } = this.#options.pace
    const { parts, others } = await this.#list('compacted')
    const run = chooseRun(parts, { bounds, others, taken })
    if (run || !hasUpkeep) return run
    return chooseLift(
      parts.filter(({ name }) => !taken.has(name)),
      this.#unliftable,
    )
  }

  /** A store alone merges level 0 in its order, so that all of it is newer than the other levels. */
  async #list(which: 'level0' | 'compacted') {
    const { catalog, isShared } = this.#options
    const parts = await catalog.listParts(which)
    const other = which === 'level0' ? 'compacted' : 'level0'
    return { parts, others: isShared ? await catalog.listParts(other) : [] }
  }
}
