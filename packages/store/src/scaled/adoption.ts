// Enters objects of the bucket that the catalog does not know. They are what processes have left that were killed
// between an upload and its transaction, or transactions that the database has lost. A row counts once whichever way
// it comes, so entering too much does no harm, and deleting could.
//
// No removed segment comes back: its row is kept until no upload of it can arrive any more, and nothing is entered if
// rows were forgotten since the bucket was listed. Rows that a delete request has removed do not come back either: a
// segment that has some is written again without them.

import { parseLogQuery } from '@skald/query'
import type { Logger } from 'pino'
import type { Bucket } from '../bucket/bucket.ts'
import type { CatalogPart, CatalogSegment } from '../catalog/catalog.ts'
import type { DeleteRequest } from '../catalog/delete-requests.ts'
import { createDeleteRule, type DeleteRule } from '../deletes/delete-rule.ts'
import { ChangeRefusedError, CorruptionError } from '../errors.ts'
import { adoptedStreamsAtOnce, adoptionRoundsMax, namesAtOnce } from '../limits.ts'
import type { ObjectInfo } from '../objects/object-store.ts'
import type { SegmentFooter } from '../segment/format.ts'
import { parseSegmentName } from '../segment/name.ts'
import { AdoptionBatch, type AdoptionSummary } from './adoption-batch.ts'
import { type AdoptionPlan, planAdoption } from './adoption-plan.ts'
import type { FoundSegments } from './found-segments.ts'
import type { Database } from './postgres.ts'
import type { SharedCatalog } from './shared-catalog.ts'
import { sharedSegmentKey } from './shared-objects.ts'

export interface AdoptionParts {
  readonly database: Database
  readonly bucket: Pick<Bucket, 'list'>
  readonly catalog: SharedCatalog
  readonly found: FoundSegments
  readonly logger: Logger
}

/** What is known of a history that the database has lost. */
export interface LostHistory {
  /** Segment of level 0 → the version that entered it. */
  readonly sequences: ReadonlyMap<string, number>
  /** Called before anything is entered, with a version that no entry of the lost history is above. */
  readonly begin: (least: number) => Promise<void>
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

/** The bucket and what the catalog says about it. */
interface Survey {
  readonly forgotten: number
  readonly sizes: ReadonlyMap<string, number>
  readonly unknown: readonly string[]
  readonly unknownBytes: number
  readonly present: readonly string[]
}

/** Looks for objects that the catalog does not know. */
export class Adoption {
  readonly #parts: AdoptionParts
  /** What was unknown at the last look. */
  #before: ReadonlySet<string> = new Set()
  readonly #doubted = new Set<string>()
  /** Found in this process. */
  readonly #damaged = new Set<string>()
  #doneBytes = 0

  constructor(parts: AdoptionParts) {
    this.#parts = parts
  }

  /**
   * Enters what was unknown at the last look too: a commit under way takes less time than from one look to the next.
   * @throws CatalogUnavailableError; BucketError; ChangeRefusedError when the next look must do it.
   */
  async look(): Promise<AdoptionSummary> {
    const survey = await this.#survey({ hasLost: false })
    const unknown = survey.unknown.filter(name => this.#before.has(name))
    this.#before = new Set(survey.unknown)
    const summary = { entered: 0, left: 0, missing: 0, damaged: 0 }
    if (unknown.length > 0) await this.#enter({ ...survey, unknown }, undefined, summary)
    return summary
  }

  /**
   * Brings the catalog in line with the bucket, after the database has lost changes. Nothing else may hold back: what
   * a commit under way has uploaded is entered too, and counts once.
   * @throws as `look`.
   */
  async restore(lost: LostHistory): Promise<AdoptionSummary> {
    const summary = { entered: 0, left: 0, missing: 0, damaged: 0 }
    for (let round = 0; ; round++) {
      try {
        await this.#enter(await this.#survey({ hasLost: true }), lost, summary)
        return summary
      } catch (error) {
        // Others have changed something meanwhile.
        if (!(error instanceof ChangeRefusedError) || round >= adoptionRoundsMax) throw error
      }
    }
  }

  /** The order matters: what is listed and has no row had none at any time since `forgotten` was read. */
  async #survey({ hasLost }: { readonly hasLost: boolean }): Promise<Survey> {
    const { database, bucket } = this.#parts
    const [head] = await database.query<{ forgotten: string }>({
      text: 'SELECT forgotten FROM skald.head',
    })
    const present = hasLost
      ? await database.query<{ name: string }>({
          text: 'SELECT name FROM skald.segments WHERE removed IS NULL',
        })
      : []
    const sizes = new Map<string, number>()
    for (const { key, sizeBytes } of await bucket.list(sharedSegmentKey(''))) {
      const name = key.slice(sharedSegmentKey('').length)
      if (parseSegmentName(name)) sizes.set(name, sizeBytes)
    }
    const unknown = await this.#select(
      [...sizes.keys()],
      `NOT EXISTS (SELECT 1 FROM skald.segments AS known WHERE known.name = listed.name)
        AND NOT EXISTS (SELECT 1 FROM skald.jobs WHERE listed.name = ANY (outputs))`,
    )
    const unknownBytes = unknown.reduce((sum, name) => sum + sizes.get(name)!, 0)
    const forgotten = Number(head!.forgotten)
    return { forgotten, sizes, unknown, unknownBytes, present: present.map(({ name }) => name) }
  }

  /** Returns those of some names that a condition is true for. */
  async #select(names: readonly string[], condition: string): Promise<string[]> {
    const found: string[] = []
    for (let from = 0; from < names.length; from += namesAtOnce) {
      const rows = await this.#parts.database.query<{ name: string }>({
        text: `SELECT name FROM unnest($1::text[]) AS listed (name) WHERE ${condition}`,
        values: [names.slice(from, from + namesAtOnce)],
      })
      for (const { name } of rows) found.push(name)
    }
    return found
  }

  async #enter(
    survey: Survey,
    lost: LostHistory | undefined,
    summary: AdoptionSummary,
  ): Promise<void> {
    const { catalog, logger } = this.#parts
    const heads = await this.#readHeads(survey, summary)
    const replaces = new Map([...heads].map(([name, head]) => [name, head.replaces]))
    const unknown = survey.unknown.filter(name => !this.#damaged.has(name))
    const removed = await this.#select(
      [...new Set([...replaces.values()].flat())],
      `EXISTS (SELECT 1 FROM skald.segments AS known
        WHERE known.name = listed.name AND known.removed IS NOT NULL)`,
    )
    const plan = planAdoption({
      ...{ listed: new Set(survey.sizes.keys()), unknown, replaces, removed: new Set(removed) },
      ...{ present: survey.present, hasLost: lost !== undefined },
    })
    this.#tellDoubts(plan)
    const sequences = plan.merged.map(name => heads.get(name)!.sequence)
    await lost?.begin(sequences.reduce((most, sequence) => Math.max(most, sequence), 0) + 1)
    await catalog.sync()
    const batch = new AdoptionBatch(catalog, survey.forgotten, summary)
    await this.#addMerged(batch, survey, { plan, replaces, summary, lost })
    for (const name of plan.left) await batch.leave(name)
    const order = (name: string) => lost?.sequences.get(name) ?? Number.POSITIVE_INFINITY
    const level0 = plan.level0.toSorted((a, b) => order(a) - order(b) || (a < b ? -1 : 1))
    for (const name of level0) await this.#addLevel0(batch, survey, { name, lost, summary })
    await batch.flush()
    if (plan.missing.length === 0) return
    await catalog.removeSegments(plan.missing)
    summary.missing += plan.missing.length
    logger.warn(
      { segments: plan.missing },
      'segments that the catalog named are not in the bucket: they were merged since, or they are lost',
    )
  }

  /** Reads what unknown segments above level 0 replace. */
  async #readHeads(
    survey: Survey,
    summary: AdoptionSummary,
  ): Promise<Map<string, Pick<SegmentFooter, 'replaces' | 'sequence'>>> {
    const heads = new Map<string, Pick<SegmentFooter, 'replaces' | 'sequence'>>()
    for (const name of survey.unknown) {
      if (parseSegmentName(name)!.level === 0) continue
      const footer = await this.#read(survey, name, summary)
      if (footer) heads.set(name, { replaces: footer.replaces, sequence: footer.sequence })
    }
    return heads
  }

  /** Returns `undefined` if the segment is gone, or damaged. Then it is left in the bucket, and never looked at again. */
  async #read(
    survey: Survey,
    name: string,
    summary: AdoptionSummary,
  ): Promise<SegmentFooter | undefined> {
    const { found, logger } = this.#parts
    if (this.#damaged.has(name)) return undefined
    try {
      return await found.footer({ name, sizeBytes: survey.sizes.get(name)! })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      if (!(error instanceof CorruptionError)) throw error
      this.#damaged.add(name)
      summary.damaged++
      logger.error(
        { segment: name, why: error.message },
        'the bucket has a damaged segment that the catalog does not know: it stays there and is not used',
      )
      return undefined
    }
  }

  async #addMerged(
    batch: AdoptionBatch,
    survey: Survey,
    {
      plan,
      replaces,
      summary,
      lost,
    }: {
      readonly plan: AdoptionPlan
      readonly replaces: ReadonlyMap<string, readonly string[]>
      readonly summary: AdoptionSummary
      readonly lost: LostHistory | undefined
    },
  ): Promise<void> {
    const present = new Set(survey.present)
    const lastUse = new Map<string, string>()
    for (const name of plan.merged)
      for (const replaced of replaces.get(name)!) lastUse.set(replaced, name)
    for (const name of plan.merged) {
      const footer = await this.#read(survey, name, summary)
      if (!footer) continue
      const object = { name, sizeBytes: survey.sizes.get(name)! }
      const { streams, segment } = withoutStreams(this.#parts.found.describe(object, footer))
      await batch.addStreams(streams)
      // Not before all outputs of the merge are there.
      const gone = replaces.get(name)!.filter(one => lastUse.get(one) === name && present.has(one))
      await batch.add(segment, gone)
      this.#tellProgress(survey, name, lost)
    }
  }

  async #addLevel0(
    batch: AdoptionBatch,
    survey: Survey,
    {
      name,
      lost,
      summary,
    }: {
      readonly name: string
      readonly lost: LostHistory | undefined
      readonly summary: AdoptionSummary
    },
  ): Promise<void> {
    const { found } = this.#parts
    const footer = await this.#read(survey, name, summary)
    if (!footer) return
    const object: ObjectInfo = { name, sizeBytes: survey.sizes.get(name)! }
    const known = lost?.sequences.get(name) ?? 0
    const rewritten = await found.rewrite(object, footer, tenant => this.#rulesOf(tenant, known))
    if (rewritten) {
      for (const segment of rewritten) await batch.add(segment, [])
      await batch.leave(name)
    } else await batch.add(found.describe(object, footer), [])
    this.#tellProgress(survey, name, lost)
  }

  /** Returns the rules of requests whose lines are being removed, or are gone. Other requests still hide theirs. */
  async #rulesOf(tenant: string, sequence: number): Promise<DeleteRule[]> {
    const requests = await this.#parts.catalog.deleteRequests.known(tenant)
    return requests.filter(request => isDone(request, sequence)).map(ruleOf)
  }

  #tellProgress(
    { sizes, unknownBytes }: Survey,
    name: string,
    lost: LostHistory | undefined,
  ): void {
    this.#doneBytes = Math.min(unknownBytes, this.#doneBytes + (sizes.get(name) ?? 0))
    lost?.onProgress?.(this.#doneBytes, unknownBytes)
  }

  #tellDoubts({ doubtful }: AdoptionPlan): void {
    const fresh = doubtful.filter(name => !this.#doubted.has(name))
    if (fresh.length === 0) return
    for (const name of fresh) this.#doubted.add(name)
    this.#parts.logger.warn(
      { segments: fresh },
      'the bucket has merged segments that the catalog does not know, and what they replace is gone: they stay there and are not used',
    )
  }
}

/** Whether a request removed its lines before a segment that was entered at this version of a lost history came. */
function isDone({ state, sequence: done }: DeleteRequest, sequence: number): boolean {
  return state === 'processing' || (state === 'processed' && done >= sequence)
}

function ruleOf(request: DeleteRequest): DeleteRule {
  const { id, query } = request
  return createDeleteRule({ id, log: parseLogQuery(query) }, request)
}

/** Separates a segment from its streams, of which there may be more than fit into one change. */
function withoutStreams(segment: CatalogSegment) {
  const streams: CatalogPart[] = []
  for (const part of segment.parts) {
    for (let from = 0; from < part.streams.length; from += adoptedStreamsAtOnce)
      streams.push({ ...part, streams: part.streams.slice(from, from + adoptedStreamsAtOnce) })
  }
  const parts = segment.parts.map(part => ({ ...part, streams: [] }))
  return { streams, segment: { ...segment, parts } }
}
