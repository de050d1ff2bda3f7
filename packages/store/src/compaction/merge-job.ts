// Runs one merge: reads the inputs, writes the outputs, and goes on without blocks that are damaged.
// The compaction thread calls it, and tests call it with a disk that fails.

import type { CatalogSegment } from '../catalog/catalog.ts'
import { LevelFields } from '../levels/line-level.ts'
import { type DiskObjectStore, DiskReader } from '../objects/disk.ts'
import type { ReadFiles } from '../objects/files.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { KeyFinder } from '../segment/filter/key-finder.ts'
import { readPackedParts } from '../segment/packed-footer.ts'
import { type ThreadError, threadErrorOf } from '../threads/thread-error.ts'
import { DamagedBlocks, type SegmentDamageText } from './damaged-blocks.ts'
import {
  losesRows,
  type MergeContext,
  type Merged,
  type MergeInput,
  type MergeTarget,
  mergeSegments,
} from './merge.ts'

/** One job: the inputs, oldest first, and the segments to write. */
export interface MergeJob {
  readonly inputs: readonly string[]
  readonly outputs: readonly (MergeTarget & { readonly name: string })[]
  /**
   * True if the merge only removes something. If there is nothing to remove, nothing is written.
   */
  readonly isRewrite: boolean
  /** Sequences of level-0 inputs, by name, where they are not in the blocks. */
  readonly sequences?: Readonly<Record<string, number>>
}

/** Result of a job. */
export type MergeAnswer =
  | {
      readonly kind: 'merged'
      readonly outputs: readonly MergedSegment[]
      /** Inputs of which the outputs lack some blocks, because they are damaged. */
      readonly damaged: readonly SegmentDamageText[]
    }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'failed'; readonly error: ThreadError }

/** A segment that was written. Footers of very many streams are large, so it has only what the catalog needs. */
export interface MergedSegment
  extends Pick<CatalogSegment, 'name' | 'sizeBytes' | 'level' | 'sequence' | 'version' | 'parts'> {}

export interface MergeTools {
  /** Takes the outputs. */
  readonly objects: Pick<ObjectStore, 'put' | 'delete'>
  /** Reads the inputs. */
  readonly reader: DiskReader
  readonly levelFields: LevelFields
  readonly keys: KeyFinder
}

type Done = Exclude<MergeAnswer, { kind: 'failed' }>

/**
 * Runs a job.
 * @throws the system's error; CorruptionError when the footer of an input is damaged.
 */
export async function runMergeJob(job: MergeJob, tools: MergeTools): Promise<Done> {
  const { reader, levelFields, keys } = tools
  const read: MergeContext['read'] = (segment, range, allocate) =>
    reader.read(segment, range, allocate)
  const inputs: MergeInput[] = []
  for (const name of job.inputs) {
    const readBytes = (offsetBytes: number, length: number) =>
      reader.read(name, { offsetBytes, length })
    const sizeBytes = reader.sizeBytes(name)
    const sequence = job.sequences?.[name]
    inputs.push({ name, parts: await readPackedParts(name, sizeBytes, readBytes, sequence) })
  }
  const damaged = new DamagedBlocks(inputs, read)
  const context: MergeContext = {
    ...{ read, levelFields, keys },
    isDamaged: (segment, record) => damaged.has(segment, record),
  }
  for (;;) {
    try {
      const isNeeded =
        !job.isRewrite ||
        !damaged.isEmpty ||
        job.outputs.some(target => losesRows(inputs, target, context))
      if (!isNeeded) return { kind: 'unchanged' }
      const outputs = await writeOutputs(job, inputs, { context, objects: tools.objects })
      return { kind: 'merged', outputs, damaged: damaged.list() }
    } catch (error) {
      // Each round leaves out at least one more block.
      if (!damaged.add(error)) throw error
    }
  }
}

async function writeOutputs(
  { outputs: targets }: MergeJob,
  inputs: readonly MergeInput[],
  { context, objects }: { readonly context: MergeContext } & Pick<MergeTools, 'objects'>,
): Promise<MergedSegment[]> {
  const written: string[] = []
  try {
    const outputs: MergedSegment[] = []
    for (const { name, ...target } of targets) {
      const bytes = mergeSegments(inputs, target, context)
      const merged: Merged[] = []
      written.push(name)
      await objects.put(
        name,
        keepResult(bytes, result => merged.push(result)),
      )
      // Nothing is left of the day, and nobody needs a segment without blocks.
      const { version, sizeBytes, part } = merged[0]!
      const { level, sequence } = target
      // The catalog knows the streams from the segments that this one replaces.
      const parts = part && [{ ...part, streams: [] }]
      if (!parts) await objects.delete([name])
      else outputs.push({ name, sizeBytes, level, sequence, version, parts })
    }
    return outputs
  } catch (error) {
    // The compactor deletes what remains before it starts another merge.
    await objects.delete(written).catch(() => {})
    throw error
  }
}

/** What all merges of a thread share. */
export type SharedTools = Pick<MergeTools, 'levelFields' | 'keys'>

export function createSharedTools(logLevelFields: readonly string[]): SharedTools {
  return { levelFields: new LevelFields(logLevelFields), keys: new KeyFinder() }
}

/** Runs a job on a directory. Errors are among the answers. */
export async function answerMergeJob(
  job: MergeJob,
  objects: DiskObjectStore,
  { reads, ...tools }: SharedTools & { readonly reads?: ReadFiles | undefined },
): Promise<MergeAnswer> {
  const reader = new DiskReader(objects.directory, reads)
  try {
    return await runMergeJob(job, { objects, reader, ...tools })
  } catch (error) {
    return { kind: 'failed', error: threadErrorOf(error) }
  } finally {
    reader.close()
  }
}

/** Returns a function that runs jobs in this thread. */
export function mergerOf(
  objects: DiskObjectStore,
  logLevelFields: readonly string[],
): (job: MergeJob) => Promise<MergeAnswer> {
  const tools = createSharedTools(logLevelFields)
  return job => answerMergeJob(job, objects, tools)
}

function* keepResult<T, R>(source: Generator<T, R>, keep: (result: R) => void): Generator<T> {
  keep(yield* source)
}
