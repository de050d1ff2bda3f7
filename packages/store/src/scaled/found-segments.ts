// Reads segments that were found in the bucket, checks them, and leaves out what delete requests have removed.

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseLabelSet } from '@skald/wire'
import type { Bucket } from '../bucket/bucket.ts'
import type { CatalogSegment } from '../catalog/catalog.ts'
import { catalogPartsOf } from '../catalog/catalog-parts.ts'
import type { MergeJob } from '../compaction/merge-job.ts'
import { createSharedTools, runMergeJob } from '../compaction/merge-job.ts'
import type { DeleteRule } from '../deletes/delete-rule.ts'
import { DiskReader, openDiskObjectStore } from '../objects/disk.ts'
import type { ObjectInfo, ObjectStore } from '../objects/object-store.ts'
import { readChecked } from '../recovery.ts'
import type { SegmentFooter } from '../segment/format.ts'
import { segmentName } from '../segment/name.ts'
import { readFooter } from '../segment/reader.ts'
import { sharedSegmentKey } from './shared-objects.ts'

export interface FoundSegmentsParts {
  readonly bucket: Bucket
  /** Directory of the replica. */
  readonly directory: string
  readonly logLevelFields: readonly string[]
  /** Returns a number for a new segment. */
  readonly nextSequence: () => number
}

/** A tenant's rules for rows that are gone from all other segments. */
export type RulesOf = (tenant: string) => Promise<readonly DeleteRule[]>

/** Segments of the bucket that the catalog does not know. */
export class FoundSegments {
  readonly #parts: FoundSegmentsParts

  constructor(parts: FoundSegmentsParts) {
    this.#parts = parts
  }

  /**
   * Reads the footer of a segment, and all of it if its level is 0.
   * @throws CorruptionError; BucketError; an error with the code ENOENT if it is gone.
   */
  footer(object: ObjectInfo): Promise<SegmentFooter> {
    return readChecked(this.#reader, object)
  }

  get #reader(): Pick<ObjectStore, 'read'> {
    const { bucket } = this.#parts
    return {
      read: (name, offsetBytes, length) => bucket.read(sharedSegmentKey(name), offsetBytes, length),
    }
  }

  /** Describes a segment for the catalog. */
  describe({ name, sizeBytes }: ObjectInfo, footer: SegmentFooter): CatalogSegment {
    const { level, sequence, version } = footer
    const parts = catalogPartsOf(footer, parseLabelSet)
    return { name, level, sequence, version, sizeBytes, createdMs: 0, parts }
  }

  /**
   * Writes a segment of level 0 again, as one for each tenant and day, without the rows that rules name. Returns
   * `undefined` if it has none of them; nothing is written then.
   * @throws BucketError; CorruptionError; the system's error.
   */
  async rewrite(
    object: ObjectInfo,
    footer: SegmentFooter,
    rulesOf: RulesOf,
  ): Promise<CatalogSegment[] | undefined> {
    const { bucket, directory, logLevelFields, nextSequence } = this.#parts
    const { name, sizeBytes } = object
    const outputs: MergeJob['outputs'][number][] = []
    let hasRules = false
    for (const { tenant, day, blocks } of footer.parts) {
      const deletes = (await rulesOf(tenant)).filter(({ startNs, endNs }) =>
        blocks.some(({ minNs, maxNs }) => startNs <= maxNs && endNs >= minNs),
      )
      hasRules ||= deletes.length > 0
      const sequence = nextSequence()
      const target = { name: segmentName(sequence, 0), tenant, day, level: 0, sequence }
      outputs.push({ ...target, replaces: [name], deletes, expired: [] })
    }
    if (!hasRules) return undefined
    const place = join(directory, 'found')
    await rm(place, { recursive: true, force: true })
    await mkdir(place, { recursive: true, mode: 0o700 })
    const objects = await openDiskObjectStore(place)
    const reader = new DiskReader(place)
    try {
      await writeFile(join(place, name), await this.#reader.read(name, 0, sizeBytes))
      const job = { inputs: [name], isRewrite: true, outputs }
      const done = await runMergeJob(job, { objects, reader, ...createSharedTools(logLevelFields) })
      if (done.kind === 'unchanged') return undefined
      const rewritten: CatalogSegment[] = []
      for (const output of done.outputs) {
        const read = await readFooter(output.name, output.sizeBytes, (offset, length) =>
          objects.read(output.name, offset, length),
        )
        await bucket.put(sharedSegmentKey(output.name), { path: join(place, output.name) })
        rewritten.push(this.describe(output, read))
      }
      return rewritten
    } finally {
      reader.close()
      await objects.close()
      await rm(place, { recursive: true, force: true })
    }
  }
}
