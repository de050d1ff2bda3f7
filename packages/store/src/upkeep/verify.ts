// Checks a data directory, or a backup: each segment of the catalog byte by byte, each footer against the
// catalog, and which files are unknown or missing. A store may work in the directory meanwhile. Nothing is
// changed.

import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { formatRfc3339 } from '@skald/go-dialect'
import { parseLabelSet } from '@skald/wire'
import { catalogPartsOf } from '../catalog/catalog-parts.ts'
import {
  type CatalogReader,
  openCatalogReader,
  type SegmentView,
} from '../catalog/sqlite-reader.ts'
import { verifyFaultsMax } from '../limits.ts'
import type { SegmentFooter } from '../segment/format.ts'
import { parseSegmentName } from '../segment/name.ts'
import { faultOfCatalog } from './catalog-fault.ts'
import { type DataPlace, findDataPlace, type ListedFile, listFiles } from './data-place.ts'
import {
  differsFromCatalog,
  type Finding,
  faultyCatalog,
  findingOf,
  missingFile,
  note,
  unreadableFile,
} from './finding.ts'
import { checkSegment } from './segment-check.ts'
import { SegmentFile } from './segment-file.ts'

export interface VerifyOptions {
  readonly directory: string
  /** Whether to unpack all lines too. */
  readonly isDeep: boolean
  readonly onFinding: (finding: Finding) => void
  /** Called with the bytes that are done, of those of all segments. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

/** What a check looked at. */
export interface VerifySummary {
  readonly segments: number
  readonly blocks: number
  readonly rows: number
  readonly bytes: number
  /** Segments that a running store replaced or dropped before they were checked. */
  readonly gone: number
  /** Findings that are damage. */
  readonly damage: number
  readonly notes: number
}

/**
 * Checks a directory.
 * @throws UpkeepError when it is neither a data directory nor a backup; the system's error when it cannot be read.
 */
export async function verifyDirectory(options: VerifyOptions): Promise<VerifySummary> {
  const place = findDataPlace(options.directory)
  const verification = new Verification(place, options)
  // Listed before the catalog is read: a file that a store writes after this is not unknown.
  const listed = listFiles(place.segmentsDir)
  const catalog = verification.openCatalog()
  try {
    return await verification.run(listed, catalog)
  } finally {
    catalog?.close()
  }
}

class Verification {
  readonly #place: DataPlace
  readonly #options: VerifyOptions
  readonly #sums = { segments: 0, blocks: 0, rows: 0, bytes: 0, gone: 0, damage: 0, notes: 0 }
  #totalBytes = 0

  constructor(place: DataPlace, options: VerifyOptions) {
    this.#place = place
    this.#options = options
  }

  /** Opens the catalog. Without one, only the segments themselves are checked. */
  openCatalog(): CatalogReader | undefined {
    const { catalogPath } = this.#place
    const name = basename(catalogPath)
    if (!existsSync(catalogPath)) {
      this.#tell(
        this.#place.manifest
          ? faultyCatalog(name, 'the backup has no catalog: the file is missing')
          : note(
              name,
              'there is no catalog',
              'The next start of the store makes it from the segments. Delete requests are gone.',
            ),
      )
      return undefined
    }
    let reader: CatalogReader | undefined
    try {
      reader = openCatalogReader(catalogPath)
      const faults = reader.faults(verifyFaultsMax)
      for (const fault of faults) this.#tell(faultyCatalog(name, fault))
      if (faults.length === 0) return reader
    } catch (error) {
      reader?.close()
      const what = faultOfCatalog(error, catalogPath)
      this.#tell(faultyCatalog(name, what))
      return undefined
    }
    reader?.close()
    return undefined
  }

  async run(
    listed: readonly ListedFile[],
    catalog: CatalogReader | undefined,
  ): Promise<VerifySummary> {
    const files = listed.filter(({ name }) => parseSegmentName(name))
    const known = catalog?.segments() ?? files
    this.#totalBytes = known.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    for (const segment of known) await this.#checkSegment(segment, catalog)
    if (catalog) {
      this.#checkMarks(catalog)
      this.#checkUnknown(listed, new Set(known.map(({ name }) => name)), catalog)
    }
    this.#checkQuarantine()
    return this.#sums
  }

  async #checkSegment(
    { name, sizeBytes }: ListedFile,
    catalog: CatalogReader | undefined,
  ): Promise<void> {
    const doneBytes = this.#sums.bytes
    const file = this.#open(name, sizeBytes, catalog)
    this.#sums.bytes = doneBytes + sizeBytes
    if (!file) return
    try {
      let checkedBytes = 0
      const footer = await checkSegment(file, {
        isDeep: this.#options.isDeep,
        onFault: fault => this.#tell(findingOf(name, fault)),
        onBytes: bytes => {
          checkedBytes += bytes
          this.#options.onProgress?.(doneBytes + checkedBytes, this.#totalBytes)
        },
      })
      this.#sums.segments++
      if (footer) this.#checkFooter(file, footer, catalog)
    } catch (error) {
      if (!isFaultOfDisk(error)) throw error
      this.#tell(unreadableFile(name, error as Error))
    } finally {
      file.close()
    }
    this.#options.onProgress?.(this.#sums.bytes, this.#totalBytes)
  }

  /** Opens a segment. Returns `undefined` if there is none, and tells why unless a store removed it. */
  #open(
    name: string,
    sizeBytes: number,
    catalog: CatalogReader | undefined,
  ): SegmentFile | undefined {
    try {
      return new SegmentFile(join(this.#place.segmentsDir, name))
    } catch (error) {
      if (isFaultOfDisk(error)) {
        this.#tell(unreadableFile(name, error as Error))
        return undefined
      }
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    if (catalog?.has(name)) this.#tell(missingFile(name, sizeBytes))
    else this.#sums.gone++
    return undefined
  }

  #checkFooter(
    { name, sizeBytes }: SegmentFile,
    footer: SegmentFooter,
    catalog: CatalogReader | undefined,
  ): void {
    for (const { blocks } of footer.parts) {
      this.#sums.blocks += blocks.length
      for (const { rowCount } of blocks) this.#sums.rows += rowCount
    }
    // If a store replaced the segment meanwhile, the catalog has nothing to compare with.
    const differences = catalog?.view(name, view => [...differencesOf(view, footer, sizeBytes)])
    for (const what of differences ?? []) this.#tell(differsFromCatalog(name, what))
  }

  #checkMarks(catalog: CatalogReader): void {
    // Read after the segments, and marks only grow: a store that works meanwhile does no harm.
    const segments = catalog.segments()
    const marks = catalog.marks()
    for (const { name } of segments) {
      const { sequence, level } = parseSegmentName(name)!
      const mark = level === 0 ? marks.level0 : marks.compacted
      if (sequence > mark)
        this.#tell(differsFromCatalog(name, `its number is above the mark of the catalog, ${mark}`))
    }
  }

  #checkUnknown(
    listed: readonly ListedFile[],
    known: ReadonlySet<string>,
    catalog: CatalogReader,
  ): void {
    const dropped = new Set(catalog.dropped())
    const lost = catalog.lost()
    for (const { name } of listed) {
      const file = `segments/${name}`
      if (known.has(name) || catalog.has(name)) continue
      if (!existsSync(join(this.#place.segmentsDir, name))) continue
      if (lost.includes(name)) continue
      if (!parseSegmentName(name)) {
        this.#tell(note(file, 'this file is no segment', 'The store leaves it alone.'))
        continue
      }
      this.#tell(
        dropped.has(name)
          ? note(file, 'it was replaced or has expired', 'The store deletes it soon.')
          : note(
              file,
              'the catalog does not know this segment',
              'If a store runs, it may be writing it. If not, the next start decides: docs/durability.md explains how.',
            ),
      )
    }
    for (const name of lost) {
      const isBack = existsSync(join(this.#place.segmentsDir, name))
      this.#tell(
        note(
          `segments/${name}`,
          'the store noticed at an earlier start that this file was missing',
          isBack
            ? 'It is back, and counts again from the next start on.'
            : 'Its lines are lost. Put the file back from a backup: it counts again from the next start on.',
        ),
      )
    }
  }

  #checkQuarantine(): void {
    const path = join(this.#place.directory, 'quarantine')
    const count = existsSync(path) ? readdirSync(path).length : 0
    if (count === 0) return
    this.#tell(
      note(
        'quarantine',
        `${count} ${count === 1 ? 'file was' : 'files were'} set aside`,
        'The store never reads them. Look at them with skald inspect, then delete them.',
      ),
    )
  }

  #tell(finding: Finding): void {
    if (finding.severity === 'damage') this.#sums.damage++
    else this.#sums.notes++
    this.#options.onFinding(finding)
  }
}

/** Compares a footer with what the catalog says about its segment. */
function* differencesOf(
  view: SegmentView,
  footer: SegmentFooter,
  sizeBytes: number,
): Generator<string> {
  const { segment } = view
  const { level, sequence, version } = footer
  yield* valueDifferences(segment, { level, sequence, version, sizeBytes }, '')
  for (const name of footer.replaces)
    if (view.has(name)) yield `it replaces ${name}, but the catalog has both`
  let parts: ReturnType<typeof catalogPartsOf>
  try {
    parts = catalogPartsOf(footer, parseLabelSet)
  } catch {
    // Labels that cannot be read are a fault of the segment, which is told already.
    return
  }
  const kept = new Map(segment.parts.map(part => [`${part.day} ${part.tenant}`, part]))
  for (const { streams, ...part } of parts) {
    const { tenant, day } = part
    const of = ` of tenant ${JSON.stringify(tenant)}, day ${day},`
    const known = kept.get(`${day} ${tenant}`)
    kept.delete(`${day} ${tenant}`)
    if (!known) {
      yield `the catalog does not have the part${of} so queries do not find its lines`
      continue
    }
    yield* valueDifferences(known, part, of)
    // Retention forgets the streams of expired days while level 0 may still have them for a minute.
    if (level === 0) continue
    for (const stream of streams)
      if (!view.findsStream(part, stream))
        yield `the catalog does not have the stream ${stream.labelsText}${of} for all of its time, so queries do not find its lines`
  }
  for (const { tenant, day } of kept.values())
    yield `the catalog has a part of tenant ${JSON.stringify(tenant)}, day ${day}, that the segment does not have`
}

const valueNames = {
  level: 'level',
  sequence: 'sequence',
  version: 'version',
  sizeBytes: 'size in bytes',
  minNs: 'first time',
  maxNs: 'last time',
  rowCount: 'number of lines',
  lineBytes: 'bytes of lines',
} as const

type ValueKey = keyof typeof valueNames
type Values = Readonly<Partial<Record<ValueKey, unknown>>>

function* valueDifferences(known: Values, found: Values, of: string): Generator<string> {
  for (const key of Object.keys(valueNames) as ValueKey[]) {
    if (!(key in found) || known[key] === found[key]) continue
    yield `the ${valueNames[key]}${of} is ${inWords(found[key])}, and ${inWords(known[key])} in the catalog`
  }
}

function inWords(value: unknown): string {
  return typeof value === 'bigint' ? formatRfc3339(value) : String(value)
}

function isFaultOfDisk(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EIO'
}
