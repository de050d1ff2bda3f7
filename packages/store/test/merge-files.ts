// Merges segment files like the compaction thread, step by step for tests.

import { type MergeInput, mergeSegments } from '../src/compaction/merge.ts'
import type { DeleteRule } from '../src/deletes/delete-rule.ts'
import { LevelFields } from '../src/levels/line-level.ts'
import { DiskReader } from '../src/objects/disk.ts'
import { KeyFinder } from '../src/segment/filter/key-finder.ts'
import type { SegmentFooter } from '../src/segment/format.ts'
import { readPackedParts } from '../src/segment/packed-footer.ts'
import { day, type StorageParts } from './harness.ts'
import { readSegment } from './segment-rows.ts'

export interface MergeFilesOptions {
  readonly name: string
  readonly tenant?: string
  readonly day?: number
  readonly level?: number
  readonly sequence?: number
  readonly deletes?: readonly DeleteRule[]
  /** Label sets of streams to leave out. */
  readonly expired?: readonly string[]
}

/** Writes the merged segment of one tenant and day without adding it to the catalog. */
export async function mergeFiles(
  { objects, segmentsDir }: Pick<StorageParts, 'objects' | 'segmentsDir'>,
  inputs: readonly string[],
  options: MergeFilesOptions,
): Promise<{ footer: SegmentFooter; sizeBytes: number }> {
  const { name, tenant = 'a', level = 1, sequence = inputs.length } = options
  const reader = new DiskReader(segmentsDir)
  try {
    const opened: MergeInput[] = []
    for (const input of inputs) {
      const read = (offsetBytes: number, length: number) =>
        reader.read(input, { offsetBytes, length })
      opened.push({
        name: input,
        parts: await readPackedParts(input, reader.sizeBytes(input), read),
      })
    }
    const target = {
      tenant,
      day: options.day ?? day,
      level,
      sequence,
      replaces: inputs,
      deletes: options.deletes ?? [],
      expired: options.expired ?? [],
    }
    const pieces: Buffer[] = []
    const merging = mergeSegments(opened, target, {
      read: (segment, range, allocate) => reader.read(segment, range, allocate),
      levelFields: new LevelFields(['level']),
      keys: new KeyFinder(),
    })
    let step = merging.next()
    for (; !step.done; step = merging.next()) pieces.push(Buffer.from(step.value))
    await objects.put(name, pieces)
    const { footer, bytes } = await readSegment(segmentsDir, name)
    return { footer, sizeBytes: bytes.length }
  } finally {
    reader.close()
  }
}
