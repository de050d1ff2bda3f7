// Tells the parts of a store what other replicas have changed in the catalog.

import type { Logger } from 'pino'
import type { EnteredChange } from '../catalog/catalog-changes.ts'
import type { Compactor } from '../compaction/compactor.ts'
import type { DeleteRegistry } from '../deletes/delete-registry.ts'
import type { Ingester } from '../ingest/ingester.ts'
import type { SegmentIndex } from '../segment-index.ts'
import type { TailHub } from '../tail/tail-hub.ts'
import { FreshSegments } from './fresh-segments.ts'
import type { SharedObjects } from './shared-objects.ts'
import { TailFeed } from './tail-feed.ts'

/** Told of changes once the copy has them, in their order, before anybody reads them. None: of a new copy. */
export type ChangeListener = (changes: readonly EnteredChange[]) => Promise<void>

export interface ObserverParts {
  readonly segments: SegmentIndex
  readonly hub: TailHub
  readonly ingester: Ingester
  readonly compactor: Pick<Compactor, 'noteMerges'>
  readonly objects: SharedObjects
  /** Absent if the configuration forbids deleting. */
  readonly registry: DeleteRegistry | undefined
  /** Called when rules made by API may have changed. */
  readonly noteRules?: (() => void) | undefined
  readonly logger: Logger
  /** As FreshSegments has it. */
  readonly askedMs: () => number | undefined
}

/** Creates the listener of a store. It never rejects. */
export function createObserver({
  segments,
  registry,
  ingester,
  compactor,
  logger,
  askedMs,
  noteRules,
  ...parts
}: ObserverParts): ChangeListener {
  const feed = new TailFeed({ ...parts, segments, logger })
  const fresh = new FreshSegments({ ...parts, askedMs })
  return async changes => {
    const added = changes.flatMap(({ change }) => (change.kind === 'segments' ? change.added : []))
    const committed = added.filter(({ level }) => level === 0)
    if (committed.length > 0 || changes.length === 0) segments.noteCommits()
    for (const { tenant, streams } of committed.flatMap(({ parts }) => parts))
      ingester.noteElsewhere(
        tenant,
        streams.map(({ labelsText }) => labelsText),
      )
    if (committed.length < added.length || changes.length === 0) compactor.noteMerges()
    const areRules = changes.some(({ change }) => change.kind.startsWith('rule-'))
    if (areRules || changes.length === 0) noteRules?.()
    feed.feed(committed)
    fresh.fetch(committed)
    const removed = changes.flatMap(({ change }) => ('removed' in change ? change.removed : []))
    try {
      await segments.drop(removed)
      const areDeletes = changes.some(({ change }) => change.kind.startsWith('delete'))
      if (areDeletes || changes.length === 0) await registry?.reload()
    } catch (err) {
      logger.error({ err }, 'cannot follow the changes of other replicas')
    }
  }
}
