// The thread that merges segments, one job at a time, so that neither pushes nor queries wait. If
// it is killed, it leaves at most an incomplete file, which the next start removes.

import { LevelFields } from '../levels/line-level.ts'
import { DiskReader, openDiskObjectStore } from '../objects/disk.ts'
import { KeyFinder } from '../segment/filter/key-finder.ts'
import type { SegmentFooter } from '../segment/format.ts'
import { readFooter } from '../segment/reader.ts'
import { type ThreadError, threadErrorOf } from '../threads/thread-error.ts'
import { openThreadPort } from '../threads/thread-port.ts'
import {
  losesRows,
  type MergeContext,
  type MergeInput,
  type MergeTarget,
  mergeSegments,
} from './merge.ts'

/** Startup data of the thread. */
export interface MergeWorkerData {
  readonly directory: string
  readonly logLevelFields: readonly string[]
}

/** One job: the inputs, oldest first, and the segments to write. */
export interface MergeJob {
  readonly inputs: readonly string[]
  readonly outputs: readonly (MergeTarget & { readonly name: string })[]
  /**
   * True if the merge only removes something. If there is nothing to remove, nothing is written.
   */
  readonly isRewrite: boolean
}

/** Result of a job. */
export type MergeAnswer =
  | { readonly kind: 'merged'; readonly outputs: readonly MergedSegment[] }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'failed'; readonly error: ThreadError }

export interface MergedSegment {
  readonly name: string
  readonly sizeBytes: number
  readonly footer: SegmentFooter
}

const port = openThreadPort<MergeWorkerData, MergeJob, MergeAnswer>()
const { directory, logLevelFields } = port.data
const levelFields = new LevelFields(logLevelFields)
const keys = new KeyFinder()

/** Returns `undefined` if a rewrite would change nothing. */
async function merge(job: MergeJob): Promise<MergedSegment[] | undefined> {
  const objects = await openDiskObjectStore(directory)
  const reader = new DiskReader(directory)
  const written: string[] = []
  try {
    const inputs: MergeInput[] = []
    for (const name of job.inputs) {
      const readRange = async (offsetBytes: number, length: number) =>
        reader.read(name, { offsetBytes, length })
      inputs.push({ name, footer: await readFooter(name, reader.sizeBytes(name), readRange) })
    }
    const context: MergeContext = {
      read: (segment, range, allocate) => reader.read(segment, range, allocate),
      levelFields,
      keys,
    }
    if (job.isRewrite && !job.outputs.some(target => losesRows(inputs, target, context))) {
      return undefined
    }
    const outputs: MergedSegment[] = []
    for (const { name, ...target } of job.outputs) {
      const bytes = mergeSegments(inputs, target, context)
      const merged: Omit<MergedSegment, 'name'>[] = []
      written.push(name)
      await objects.put(
        name,
        keepResult(bytes, result => merged.push(result)),
      )
      // Nothing is left of the day, and nobody needs a segment without blocks.
      if (merged[0]!.footer.parts.length === 0) await objects.delete([name])
      else outputs.push({ name, ...merged[0]! })
    }
    return outputs
  } catch (error) {
    // The compactor deletes what remains before it starts another merge.
    await objects.delete(written).catch(() => {})
    throw error
  } finally {
    reader.close()
    await objects.close()
  }
}

function* keepResult<T, R>(source: Generator<T, R>, keep: (result: R) => void): Generator<T> {
  keep(yield* source)
}

port.onRequest(job => {
  merge(job).then(
    outputs => port.answer(outputs ? { kind: 'merged', outputs } : { kind: 'unchanged' }),
    (error: unknown) => port.answer({ kind: 'failed', error: threadErrorOf(error) }),
  )
})
