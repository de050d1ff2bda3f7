// Brings the catalog and the segments back in line after a clean stop, a killed process, a power loss, or the
// loss of the catalog.
//
// A segment file is in one of these states:
//   known                     it is in the catalog: nothing to do
//   dropped                   it was replaced, but its deletion did not finish: delete it
//   unknown, no valid end     a write that never finished, so it was never acknowledged: delete it. With a
//                             new catalog, and no marks of one before, it may be an incomplete copy (a
//                             restored backup): set it aside
//   unknown, damaged          nobody can tell whether it counts: set it aside
//   unknown, lost before      it was known, its file disappeared and is back: add it
//   unknown, not above the    later segments were added, so this one was either never added or has been
//   catalog's marks           replaced: its lines are elsewhere or were never acknowledged: set it aside
//   unknown, replaces others  a compaction that the catalog does not know. If everything it replaces still
//                             exists, it did not finish (or the catalog is new): delete it. Otherwise the
//                             replacement had begun: add it and delete the rest. In a bucket, where objects are
//                             whole and the catalog may be an older copy, a merge of merged segments is finished
//   unknown                   it was acknowledged, but the catalog lost its newest rows: add it
// A known segment whose file is missing is removed from the catalog and logged. docs/durability.md explains
// each case.

import { parseLabelSet } from '@skald/wire'
import type { Logger } from 'pino'
import type { CatalogSegment, EnteredMarks, LocalCatalog } from './catalog/catalog.ts'
import { catalogPartsOf } from './catalog/catalog-parts.ts'
import { CorruptionError } from './errors.ts'
import type { ObjectInfo, ObjectStore } from './objects/object-store.ts'
import { BlockReader } from './segment/block.ts'
import { decodeTrailer, type SegmentFooter, sectionNames, trailerBytes } from './segment/format.ts'
import { parseSegmentName } from './segment/name.ts'
import { readFooter } from './segment/reader.ts'

export interface RecoveryParts {
  readonly catalog: LocalCatalog
  readonly objects: ObjectStore
  readonly logger: Logger
  /** The marks of the catalog that an empty one replaces, if that one was sound. */
  readonly marksBefore?: EnteredMarks | undefined
  /**
   * Whether merges of segments above level 0 are finished, not undone. Such a merge has one output, so nothing
   * is missing if that is there. What it left out, a finished delete request may have removed.
   */
  readonly finishesMerges?: boolean
  /** Whether the catalog is a copy that may be older than the segments. */
  readonly isOlderCopy?: boolean
}

/** A readable segment that the catalog does not know. Its footer is read again when it is entered. */
interface UnknownSegment {
  readonly object: ObjectInfo
  /** Names of the segments that it replaces. */
  readonly replaces: readonly string[]
}

/** Runs the recovery. Returns the highest sequence known to have been used. */
export async function recover(parts: RecoveryParts): Promise<number> {
  const { catalog, objects, logger } = parts
  const marks = await catalog.marks()
  const listed = (await objects.list()).filter(({ name }) => parseSegmentName(name))
  const present = new Map(listed.map(object => [object.name, object]))
  const known = new Set((await catalog.listSegments()).map(({ name }) => name))
  await deleteDropped({ catalog, objects, logger }, present)
  const missing = [...known].filter(name => !present.has(name))
  const lost = new Set(await catalog.listLost())
  const isCounting = (name: string) => lost.has(name) || isAbove(marks, name)
  // Whatever was entered once may be damaged, but it is not incomplete.
  const lastMarks = isNew(marks) ? parts.marksBefore : marks
  const mayBeIncomplete = (name: string) =>
    lastMarks !== undefined && !isNew(lastMarks) && isAbove(lastMarks, name) && !lost.has(name)
  const readable = await readUnknown({ objects, logger }, present, { known, mayBeIncomplete })
  const unknown: UnknownSegment[] = []
  for (const segment of readable) {
    if (isCounting(segment.object.name)) unknown.push(segment)
    else await setAside({ objects, logger }, segment, present)
  }
  const entered = new Set<string>()
  const replaced = new Set<string>()
  for (const { object, replaces } of unknown) {
    const isUnfinished = replaces.length > 0 && replaces.every(name => present.has(name))
    if (isUnfinished && !(parts.finishesMerges && replaces.every(isMerged))) {
      await objects.delete([object.name])
      logger.info({ segment: object.name }, 'deleted an unfinished compaction')
      continue
    }
    for (const name of replaces) replaced.add(name)
    entered.add(object.name)
  }
  const found = unknown
    .map(({ object }) => object)
    .filter(({ name }) => entered.has(name) && !replaced.has(name))
  // A process that was killed may have written a segment without syncing it.
  await objects.secure(found.map(({ name }) => name))
  await catalog.addFound(readCatalogSegments(objects, found), [...replaced])
  await objects.delete([...replaced])
  await catalog.forgetDropped([...replaced])
  const gone = missing.filter(name => !replaced.has(name))
  if (gone.length > 0) {
    if (parts.isOlderCopy)
      logger.warn(
        { segments: gone },
        'segments that an older catalog names are not here: they were merged since, or they were only on a lost disk',
      )
    else logger.error({ segments: gone }, 'segments are missing, their entries are lost')
    await catalog.removeSegments(gone)
  }
  if (found.length > 0) logger.info({ segments: found.length }, 'entered segments found on disk')
  return listed.reduce(
    (max, { name }) => Math.max(max, parseSegmentName(name)!.sequence),
    Math.max(marks.level0, marks.compacted),
  )
}

/** Returns true if no segment was ever entered. */
function isNew({ level0, compacted }: EnteredMarks): boolean {
  return level0 === 0 && compacted === 0
}

function isMerged(name: string): boolean {
  return (parseSegmentName(name)?.level ?? 0) > 0
}

/** Returns true if a segment is newer than all that were entered. */
function isAbove(marks: EnteredMarks, name: string): boolean {
  const { sequence, level } = parseSegmentName(name)!
  return sequence > (level === 0 ? marks.level0 : marks.compacted)
}

async function deleteDropped(
  { catalog, objects }: RecoveryParts,
  present: Map<string, ObjectInfo>,
): Promise<void> {
  const dropped = await catalog.listDropped()
  const left = dropped.filter(name => present.delete(name))
  // A process may have been killed before the transaction that dropped them was synced. A power loss could still undo
  // it, and would find the files gone.
  if (left.length > 0) await catalog.settle()
  await objects.delete(left)
  await catalog.forgetDropped(dropped)
}

async function readUnknown(
  { objects, logger }: Pick<RecoveryParts, 'objects' | 'logger'>,
  present: Map<string, ObjectInfo>,
  {
    known,
    mayBeIncomplete,
  }: {
    readonly known: ReadonlySet<string>
    readonly mayBeIncomplete: (name: string) => boolean
  },
): Promise<UnknownSegment[]> {
  const unknown: UnknownSegment[] = []
  for (const object of [...present.values()]) {
    if (known.has(object.name)) continue
    try {
      const { replaces } = await readChecked(objects, object)
      unknown.push({ object, replaces })
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error
      present.delete(object.name)
      const found = { segment: object.name, why: error.message }
      if (!mayBeIncomplete(object.name) || (await hasEnd(objects, object))) {
        await objects.setAside(object.name)
        logger.error(
          found,
          'set aside a damaged or incomplete segment: copy it again if it came from a backup',
        )
      } else {
        await objects.delete([object.name])
        logger.warn(found, 'deleted an incomplete segment that was never acknowledged')
      }
    }
  }
  return unknown
}

/** Returns true if a file ends like a segment, so that it was written to its end. */
async function hasEnd(objects: ObjectStore, { name, sizeBytes }: ObjectInfo): Promise<boolean> {
  if (sizeBytes < trailerBytes) return false
  const trailer = await objects.read(name, sizeBytes - trailerBytes, trailerBytes)
  try {
    decodeTrailer(name, trailer, sizeBytes)
    return true
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error
    return false
  }
}

/** Moves a segment that does not count out of the way without losing it. */
async function setAside(
  { objects, logger }: Pick<RecoveryParts, 'objects' | 'logger'>,
  { object: { name } }: UnknownSegment,
  present: Map<string, ObjectInfo>,
): Promise<void> {
  present.delete(name)
  await objects.setAside(name)
  logger.warn({ segment: name }, 'set aside a segment that was replaced or never acknowledged')
}

/**
 * Reads the footer and, for a level-0 segment, every block: a power loss can keep the end of a file
 * and lose the middle.
 */
export async function readChecked(
  objects: Pick<ObjectStore, 'read'>,
  object: ObjectInfo,
): Promise<SegmentFooter> {
  const { name, sizeBytes } = object
  const footer = await readFooterOf(objects, object)
  if (footer.level > 0) return footer
  const bytes = await objects.read(name, 0, sizeBytes)
  for (const { blocks } of footer.parts) {
    for (const record of blocks) {
      const block = new BlockReader(name, record, (offset, length) =>
        bytes.subarray(offset, offset + length),
      )
      block.verify(sectionNames)
    }
  }
  return footer
}

function readFooterOf(objects: Pick<ObjectStore, 'read'>, { name, sizeBytes }: ObjectInfo) {
  return readFooter(name, sizeBytes, (offset, length) => objects.read(name, offset, length))
}

/** Yields what the catalog needs of segments. Holds one footer at a time: a large store has too many blocks. */
async function* readCatalogSegments(
  objects: ObjectStore,
  found: readonly ObjectInfo[],
): AsyncGenerator<CatalogSegment> {
  for (const object of found) {
    const footer = await readFooterOf(objects, object)
    yield {
      name: object.name,
      level: footer.level,
      sequence: footer.sequence,
      version: footer.version,
      sizeBytes: object.sizeBytes,
      createdMs: Date.now(),
      parts: catalogPartsOf(footer, parseLabelSet),
    }
  }
}
